"""The registration worker itself."""

from contracts.programme import Programme
from runtime.decisions import Worker
from workers.registration.challenge_documents import Challenge, CodeSends
from workers.registration.documents import EmailClaim, KnownCard, Member, PhoneClaim, Registration
from workers.registration.favourite_documents import Favourites

worker = Worker[Programme](
    "registration",
    documents=(Member, Registration, PhoneClaim, EmailClaim, KnownCard, Challenge, CodeSends, Favourites),
)
