import grpc
from huaxiang.type.v1 import revision_pb2
from servicekit.encoded_answers import adding_encoded


class Recorder:
    def __init__(self):
        self.handlers = {}

    def add_generic_rpc_handlers(self, handlers): ...

    def add_registered_method_handlers(self, service, handlers):
        assert service == "a.Service"
        self.handlers = dict(handlers)


def add(servicer, server):
    handler = grpc.unary_unary_rpc_method_handler(
        servicer, revision_pb2.Revision.FromString, revision_pb2.Revision.SerializeToString
    )
    handlers = {"Encoded": handler, "Usual": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.Service", handlers),))
    server.add_registered_method_handlers("a.Service", handlers)


def test_named_rpcs_answer_bytes_as_they_are_and_messages_as_ever():
    server = Recorder()
    adding_encoded(add, ("Encoded",))(object(), server)
    encode = server.handlers["Encoded"].response_serializer
    message = revision_pb2.Revision(token="t")
    assert encode(b"as it is") == b"as it is"
    assert encode(message) == message.SerializeToString()
    assert server.handlers["Usual"].response_serializer(message) == message.SerializeToString()
