export {
  ExportLogsServiceRequestSchema,
  ExportLogsServiceResponseSchema,
  LogsService,
} from './gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts';
export {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
  TraceService,
} from './gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts';
export { SeverityNumber } from './gen/opentelemetry/proto/logs/v1/logs_pb.ts';
export { Span_SpanKind, Status_StatusCode } from './gen/opentelemetry/proto/trace/v1/trace_pb.ts';
