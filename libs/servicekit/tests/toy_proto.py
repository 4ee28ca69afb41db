"""A contract made in code: ToyService with a write, a read, a Watch and its bootstrap, as the suite's have
them."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, MethodOptions
from huaxiang.type.v1 import revision_pb2, right_pb2, watch_pb2

PACKAGE = "huaxiang.toy.v1"
_TYPES = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}
_MESSAGES = {
    "PutItemRequest": ["name string", "value int64", "lane .huaxiang.type.v1.Lane", "request_id string"],
    "PutItemResponse": ["revision .huaxiang.type.v1.Revision"],
    "GetItemRequest": ["name string", "consistency .huaxiang.type.v1.Consistency", "padding bytes"],
    "GetItemResponse": ["name string", "value int64", "position uint64", "tenant string"],
    "Change": ["tenant string", "position uint64", "traceparent string", "name string", "value int64"],
    "WatchRequest": ["after .huaxiang.type.v1.Revision", "lane .huaxiang.type.v1.Lane"],
    "WatchResponse": [
        "changes *.huaxiang.toy.v1.Change",
        "lane .huaxiang.type.v1.Lane",
        "progress .huaxiang.type.v1.WatchProgress",
    ],
    "ExportItemsRequest": [],
    "ExportItemsResponse": [
        "changes *.huaxiang.toy.v1.Change",
        "progress .huaxiang.type.v1.WatchProgress",
    ],
}
_METHODS = [
    ("PutItem", "PutItemRequest", "PutItemResponse", False, "toy.items.write", MethodOptions.IDEMPOTENT),
    ("GetItem", "GetItemRequest", "GetItemResponse", False, "toy.items.read", MethodOptions.NO_SIDE_EFFECTS),
    ("Watch", "WatchRequest", "WatchResponse", True, "toy.changes.watch", MethodOptions.NO_SIDE_EFFECTS),
    (
        "ExportItems",
        "ExportItemsRequest",
        "ExportItemsResponse",
        True,
        "toy.changes.watch",
        MethodOptions.NO_SIDE_EFFECTS,
    ),
]


def _file(name: str, service: str, rights: bool = True) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=name, package=PACKAGE, syntax="proto3")
    file.dependency.extend(
        [revision_pb2.DESCRIPTOR.name, watch_pb2.DESCRIPTOR.name, right_pb2.DESCRIPTOR.name]
    )
    added = file.service.add(name=service)
    for method, request, response, streams, right, idempotency in _METHODS:
        item = added.method.add(
            name=method,
            input_type=f".{PACKAGE}.{request}",
            output_type=f".{PACKAGE}.{response}",
            server_streaming=streams,
        )
        item.options.idempotency_level = idempotency
        if rights:
            item.options.Extensions[right_pb2.right] = right
    return file


def _messages(file: descriptor_pb2.FileDescriptorProto) -> None:
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, declared in enumerate(fields, start=1):
            field_name, kind = declared.split()
            field = message.field.add(name=field_name, number=number, label=1)
            if kind.startswith("*"):
                field.label, kind = 3, kind[1:]
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type_name = kind
                field.type = (
                    FieldDescriptorProto.TYPE_ENUM
                    if kind.endswith("Lane")
                    else FieldDescriptorProto.TYPE_MESSAGE
                )


_toy = _file("huaxiang/toy/v1/toy.proto", "ToyService")
_messages(_toy)
_bare = _file("huaxiang/toy/v1/bare.proto", "BareService", rights=False)
_bare.dependency.append(_toy.name)
_pool = descriptor_pool.Default()
DESCRIPTOR = _pool.AddSerializedFile(_toy.SerializeToString()) or _pool.FindFileByName(_toy.name)
BARE_DESCRIPTOR = _pool.AddSerializedFile(_bare.SerializeToString()) or _pool.FindFileByName(_bare.name)
TOY_SERVICE = DESCRIPTOR.services_by_name["ToyService"]
BARE_SERVICE = BARE_DESCRIPTOR.services_by_name["BareService"]


def _class(name):
    return message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name[name])


PutItemRequest = _class("PutItemRequest")
PutItemResponse = _class("PutItemResponse")
GetItemRequest = _class("GetItemRequest")
GetItemResponse = _class("GetItemResponse")
Change = _class("Change")
WatchRequest = _class("WatchRequest")
WatchResponse = _class("WatchResponse")
ExportItemsRequest = _class("ExportItemsRequest")
ExportItemsResponse = _class("ExportItemsResponse")


def add_to_server(servicer, server, service=TOY_SERVICE):
    """What the generated add_XServicer_to_server does."""
    import grpc

    handlers = {}
    for method in service.methods:
        make = (
            grpc.unary_stream_rpc_method_handler
            if method.server_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        handlers[method.name] = make(
            getattr(servicer, method.name),
            request_deserializer=_class(method.input_type.name).FromString,
            response_serializer=_class(method.output_type.name).SerializeToString,
        )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


class ToyStub:
    """What the generated stub does."""

    def __init__(self, channel):
        for method in TOY_SERVICE.methods:
            make = channel.unary_stream if method.server_streaming else channel.unary_unary
            call = make(
                f"/{TOY_SERVICE.full_name}/{method.name}",
                request_serializer=_class(method.input_type.name).SerializeToString,
                response_deserializer=_class(method.output_type.name).FromString,
            )
            setattr(self, method.name, call)
