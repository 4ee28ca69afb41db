"""Which policy requests are parsed under: the tenant's own namespaces are in it."""

from identity.api.transactions import Transactions
from identity.app.policies import PolicyBook
from identity.domain.policy import Policy


class TenantPolicies:
    """Reads the store for a tenant whom this process meets for the first time, and after a replay."""

    def __init__(self, transactions: Transactions, book: PolicyBook) -> None:
        self._transactions = transactions
        self._book = book

    async def of(self, tenant: str) -> Policy:
        """What was in force when this process heard of it last."""
        return self._book.remembered(tenant) or await self.read(tenant)

    async def read(self, tenant: str) -> Policy:
        """What is in force."""
        return await self._transactions.read(self._book.of, tenant)
