"""The registration worker itself."""

from contracts.programme import Programme
from runtime.decisions import Worker
from workers.registration.call_documents import Call, Desk, Ticket
from workers.registration.challenge_documents import Challenge, CodeSends
from workers.registration.documents import EmailClaim, KnownCard, Member, PhoneChange, PhoneClaim, Registration
from workers.registration.favourite_documents import Favourites
from workers.registration.merge_documents import Merge
from workers.registration.operator_documents import Operator
from workers.registration.password_documents import Failures, Password
from workers.registration.removal_documents import RemovedMember

worker = Worker[Programme](
    "registration",
    documents=(
        *(Member, Registration, Merge, RemovedMember, PhoneClaim, EmailClaim, PhoneChange, KnownCard),
        *(Challenge, CodeSends, Favourites, Operator),
        *(Call, Desk, Ticket, Password, Failures),
    ),
)
