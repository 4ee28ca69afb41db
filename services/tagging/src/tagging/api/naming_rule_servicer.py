"""NamingRuleService: how the ids of new tags are written."""

import grpc
from huaxiang.tagging.v1 import naming_rule_service_pb2 as pb
from huaxiang.tagging.v1 import naming_rule_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.api.parse_governance import naming_rules_of
from tagging.api.render_governance import naming_rules_message
from tagging.app.governance.lives import Lives
from tagging.app.governance.naming import Naming

Context = grpc.aio.ServicerContext[object, object]


class NamingRuleServicer(naming_rule_service_pb2_grpc.NamingRuleServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, naming: Naming, lives: Lives) -> None:
        self._database = database
        self._naming = naming
        self._lives = lives

    async def GetNamingRules(
        self, request: pb.GetNamingRulesRequest, context: Context
    ) -> pb.GetNamingRulesResponse:
        tenant = current_principal().require_tenant()

        def work(connection: Connection) -> pb.GetNamingRulesResponse:
            rules = self._naming.read(connection, tenant)
            return pb.GetNamingRulesResponse(
                naming_rules=naming_rules_message(rules),
                etag=rules.etag,
                revision=self._lives.revision(connection).to_proto(),
            )

        return await self._database.read(work)

    async def SetNamingRules(
        self, request: pb.SetNamingRulesRequest, context: Context
    ) -> pb.SetNamingRulesResponse:
        tenant = current_principal().require_tenant()
        rules = naming_rules_of(request.naming_rules)
        breaking, revision = await self._database.write(self._naming.replace, tenant, rules, request.etag)
        return pb.SetNamingRulesResponse(
            etag=rules.etag, breaking_tag_ids=breaking, revision=revision.to_proto()
        )
