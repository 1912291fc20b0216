export * from './gen/envoy/config/core/v3/address_pb.ts';
export * from './gen/envoy/config/core/v3/base_pb.ts';
export * from './gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
export * from './gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts';
export * from './gen/envoy/service/auth/v3/attribute_context_pb.ts';
export * from './gen/envoy/service/auth/v3/external_auth_pb.ts';
export * from './gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
export * from './gen/envoy/service/ratelimit/v3/rls_pb.ts';
export * from './gen/envoy/type/v3/http_status_pb.ts';
export * from './gen/envoy/type/v3/ratelimit_unit_pb.ts';
export * from './gen/google/rpc/status_pb.ts';
// Traces have a status as well; nobody needs it by name.
export { type Status, StatusSchema } from './gen/google/rpc/status_pb.ts';
export * from './gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts';
export * from './gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts';
export * from './gen/opentelemetry/proto/common/v1/common_pb.ts';
export * from './gen/opentelemetry/proto/logs/v1/logs_pb.ts';
export * from './gen/opentelemetry/proto/resource/v1/resource_pb.ts';
export * from './gen/opentelemetry/proto/trace/v1/trace_pb.ts';
