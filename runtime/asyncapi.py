"""AsyncAPI 3: FastStream's description of our topics, with every message, its headers and its key made explicit."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Union, cast

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from contracts.messages import CommandEnded, Envelope, Event, Message
from contracts.persons import PersonalEvent
from contracts.topics import all_topics, commands_topic, events_topic, results_topic

Json = dict[str, Any]

HEADERS: Final[Mapping[str, tuple[str, str, bool]]] = {
    "ce_specversion": ("", "Always 1.0.", True),
    "ce_id": ("id", "The message's id: the same id is the same message, and is executed once.", True),
    "ce_source": ("", "Who says it.", False),
    "ce_type": ("type", "The message's type.", True),
    "ce_time": ("time", "When it was said (RFC 3339).", True),
    "ce_subject": ("subject", "Of an event: the id of its aggregate.", False),
    "ce_sequence": ("version", "Of an event: its aggregate's version after it; goes up by one.", False),
    "ce_actorkind": ("", "What kind of actor caused it.", True),
    "ce_actorid": ("", "Which one.", True),
    "ce_callid": ("", "The call in which an operator did it.", False),
    "ce_correlationid": ("correlation_id", "The id of the command at the root; the message's own if missing.", False),
    "ce_causationid": ("causation_id", "The id of the message that caused it.", False),
    "ce_hops": ("hops", "How many messages lie between it and the command at the root.", False),
    "ce_schemaversion": ("schema_version", "The version of the type's schema.", False),
    "traceparent": ("traceparent", "W3C trace context.", False),
}
"""By header: the field of `Envelope` that it is, what it says, and whether a sender must give it."""


def describe(
    messages: Iterable[type[Message]], *, prefix: str, partitions: int, retention_seconds: float, version: str
) -> Json:
    """The AsyncAPI document of all topics, from Punchcard's point of view: commands are received, the rest is sent."""
    told: dict[str, list[type[Message]]] = {results_topic(prefix): [CommandEnded]}
    for message in sorted(messages, key=lambda each: each.__name__):
        name = events_topic if issubclass(message, Event) else commands_topic
        told.setdefault(name(prefix, message.worker), []).append(message)

    broker = KafkaBroker("kafka.example.org:9092")
    topics = all_topics(prefix, partitions, retention_seconds)
    for topic in topics:
        schema = Union[tuple(told[topic.name])] if topic.name in told else bytes  # noqa: UP007  # made at run time
        if topic.name.endswith(".commands"):
            _receive(broker, topic.name, topic.purpose, schema)
        else:
            broker.publisher(topic.name, title=topic.name, description=topic.purpose, schema=schema)
    specification = AsyncAPI(
        broker,
        title="Punchcard",
        version=version,
        description="Commands in, events and results out; CloudEvents 1.0 over Kafka, binary mode, JSON bodies.",
        schema_version="3.0.0",
    )
    document: Json = json.loads(specification.to_specification().to_json())
    for part in ("channels", "operations"):
        document[part] = {topic.name: document[part][topic.name] for topic in topics}
    for topic in topics:
        _tell_apart(document, topic.name, told.get(topic.name, []))
        document["channels"][topic.name]["bindings"]["kafka"] |= {
            "partitions": topic.partitions,
            "topicConfiguration": {"retention.ms": int(topic.retention_seconds * 1_000)},
        }
    document["components"]["messageTraits"] = {"cloudEvent": _cloud_event()}
    _tidy(document)
    return document


def _receive(broker: KafkaBroker, topic: str, purpose: str, schema: Any) -> None:
    async def take(message: Any) -> None:
        del message

    take.__annotations__["message"] = schema
    broker.subscriber(topic, title=topic, description=purpose)(take)


def _tell_apart(document: Json, topic: str, messages: Sequence[type[Message]]) -> None:
    """Give a channel one message per type, instead of FastStream's one message for the union of all."""
    channel, operation, components = document["channels"][topic], document["operations"][topic], document["components"]
    for name in channel["messages"]:
        components["messages"].pop(f"{topic}:{name}", None)
    if topic.endswith(".dead"):
        name = f"{topic}:letter"
        components["messages"][name] = _dead_letter(name)
        channel["messages"] = {"letter": {"$ref": f"#/components/messages/{name}"}}
    else:
        for message in messages:
            components["messages"][message.__name__] = _message(message)
            if issubclass(message, PersonalEvent):
                _shut(components["schemas"][message.__name__], message)
        channel["messages"] = {each.__name__: {"$ref": f"#/components/messages/{each.__name__}"} for each in messages}
    if not channel["messages"]:
        del document["operations"][topic]  # the topic exists, and nothing is said there yet
        return
    operation["messages"] = [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in channel["messages"]]


def _message(message: type[Message]) -> Json:
    sentence, _, remark = (message.__doc__ or "").strip().partition("\n\n")
    return {
        "name": message.__name__,
        "title": message.__name__,
        "summary": " ".join(sentence.split()),
        **({"description": " ".join(remark.split())} if remark else {}),
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "bindings": {"kafka": {"key": {"type": "string", "description": f"The body's `{message.key}`."}}},
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
    }


def _shut(schema: Json, event: type[PersonalEvent]) -> None:
    """Describe an event as it lies in its topic: all that is personal in one field, which nobody else opens."""
    for name in event.personal:
        del schema["properties"][name]
    schema["required"] = [name for name in schema["required"] if name not in event.personal] + ["personal"]
    text = f"What is personal, shut with the key of {event.person}: {', '.join(sorted(event.personal))}."
    schema["properties"]["personal"] = {"type": "string", "contentEncoding": "base64url", "description": text}


def _dead_letter(name: str) -> Json:
    reasons = {
        "dead_reason": "Why it could not be processed.",
        "dead_detail": "Which field broke which rule, or where the fault lies.",
        "dead_topic": "The topic that it came from.",
        "dead_partition": "The partition that it came from.",
        "dead_offset": "The offset that it had there.",
        "dead_at": "When the broker had got it (RFC 3339).",
        "dead_shut": "Says that key, bytes and foreign headers are shut: something personal may stand there.",
    }
    return {
        "name": name,
        "title": "Dead letter",
        "summary": "The original record, headers and bytes, with the reason in headers of its own.",
        "headers": {
            "type": "object",
            "properties": {header: {"type": "string", "description": text} for header, text in reasons.items()},
            "required": ["dead_reason", "dead_topic", "dead_partition", "dead_offset"],
        },
        "payload": {"description": "The original bytes, whatever they are; or shut, with the key and foreign headers."},
    }


def _cloud_event() -> Json:
    fields = Envelope.model_json_schema()
    actor = fields["$defs"]["Actor"]["properties"]
    ruled = {"ce_actorid": actor["id"], "ce_callid": actor["call_id"], "ce_specversion": {"const": "1.0"}}
    ruled["ce_actorkind"] = fields["$defs"]["ActorKind"]
    properties: Json = {}
    for header, (field, text, _) in HEADERS.items():
        rule = fields["properties"][field] if field else ruled.get(header, {"type": "string"})
        kept = {key: value for key, value in rule.items() if key not in ("title", "default", "description")}
        properties[header] = {**kept, "description": text}
    return {
        "headers": {
            "type": "object",
            "properties": properties,
            "required": [header for header, (_, _, is_required) in HEADERS.items() if is_required],
        },
        "correlationId": {"location": "$message.header#/ce_correlationid"},
    }


def _tidy(document: Json) -> None:
    """Remove what FastStream made for the unions and what only that refers to; sort what comes in any order."""
    schemas = document["components"]["schemas"]
    used: set[str] = set()
    pending = [document["components"]["messages"], document["channels"]]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            name = cast("str", node.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in schemas and name not in used:
                used.add(name)
                pending.append(schemas[name])
            pending += node.values()
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(used)}
    document["components"]["messages"] = dict(sorted(document["components"]["messages"].items()))
