"""The registration worker itself."""

from contracts.programme import Programme
from runtime.decisions import Worker
from workers.registration.documents import EmailClaim, KnownCard, Member, Merge, PhoneClaim, Registration

worker = Worker[Programme]("registration", documents=(Member, Registration, Merge, PhoneClaim, EmailClaim, KnownCard))
