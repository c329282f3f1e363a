"""What can be said about verifying a phone: when joining, and as a member."""

from contracts.calls import CareCommand
from contracts.codes import TryCode
from contracts.messages import ANYBODY, OURS, Command, Event
from contracts.values import Instant, MemberId, Reference


class BeginVerification(Command, worker="registration", key="registration_id", actors=OURS):
    """Have the first code sent for a registration that waits for one; the worker asks this of itself."""

    registration_id: Reference


class ResendPhoneCode(
    Command, worker="registration", key="registration_id", actors=ANYBODY, right="registration.verifiers"
):
    """Have another code sent for a registration that waits for one; the code before counts no more."""

    registration_id: Reference


class VerifyPhone(
    Command, worker="registration", key="registration_id", actors=ANYBODY, right="registration.verifiers"
):
    """Try the code for which a registration waits; a wrong one counts and is answered by `CodeRejected`."""

    registration_id: Reference
    code: TryCode


class EndRegistration(Command, worker="registration", key="registration_id", actors=OURS):
    """Forget a registration whose code never came; the worker asks this of itself."""

    registration_id: Reference


class SendPhoneCode(CareCommand, right="registration.verifiers"):
    """Have a code sent to a member's phone that is not verified yet; `CodeRequested` names the challenge."""


class ConfirmPhone(CareCommand, right="registration.verifiers"):
    """Try the code that was sent to a member's phone; a wrong one counts and is answered by `CodeRejected`."""

    challenge_id: Reference
    code: TryCode


class PhoneVerified(Event, worker="registration", key="registration_id", about=("Registration", "registration_id")):
    """The code for a self-service registration came back; says nothing about who is a member already."""

    registration_id: Reference


class RegistrationLapsed(
    Event, worker="registration", key="registration_id", about=("Registration", "registration_id")
):
    """A registration that waited for a code came to nothing: the code never came back, or it is somebody's already."""

    registration_id: Reference


class PhoneConfirmed(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """A member has shown that they read what is sent to their phone."""

    member_id: MemberId
    verified_at: Instant
