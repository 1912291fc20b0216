import protobuf from 'protobufjs';

/** The messages of Prometheus' client model, as far as an exposition can have them. */
const { root } = protobuf.parse(`
syntax = "proto2";
package io.prometheus.client;
message LabelPair { optional string name = 1; optional string value = 2; }
enum MetricType { COUNTER = 0; GAUGE = 1; SUMMARY = 2; UNTYPED = 3; HISTOGRAM = 4; GAUGE_HISTOGRAM = 5; }
message Gauge { optional double value = 1; }
message Counter { optional double value = 1; }
message Bucket { optional uint64 cumulative_count = 1; optional double upper_bound = 2; }
message BucketSpan { optional sint32 offset = 1; optional uint32 length = 2; }
message Histogram {
  optional uint64 sample_count = 1;
  optional double sample_sum = 2;
  repeated Bucket bucket = 3;
  optional sint32 schema = 5;
  optional double zero_threshold = 6;
  optional uint64 zero_count = 7;
  repeated BucketSpan positive_span = 12;
  repeated sint64 positive_delta = 13;
}
message Metric {
  repeated LabelPair label = 1;
  optional Gauge gauge = 2;
  optional Counter counter = 3;
  optional Histogram histogram = 7;
}
message MetricFamily {
  optional string name = 1;
  optional string help = 2;
  optional MetricType type = 3;
  repeated Metric metric = 4;
  optional string unit = 5;
}
`);
const type = root.lookupType('io.prometheus.client.MetricFamily');

/** A family as a reader of the protobuf exposition sees it; what was not sent is absent. */
export interface DecodedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly unit?: string;
  readonly metric: readonly DecodedMetric[];
}

export interface DecodedMetric {
  readonly label?: readonly { readonly name: string; readonly value: string }[];
  readonly gauge?: { readonly value: number };
  readonly counter?: { readonly value: number };
  readonly histogram?: {
    readonly sampleCount: number;
    readonly sampleSum: number;
    readonly bucket?: readonly { readonly cumulativeCount: number; readonly upperBound: number }[];
    readonly schema?: number;
    readonly zeroThreshold?: number;
    readonly zeroCount?: number;
    readonly positiveSpan?: readonly { readonly offset: number; readonly length: number }[];
    readonly positiveDelta?: readonly number[];
  };
}

/** Reads an exposition of delimited messages with a library that shares no code with its writer. */
export function decodeFamilies(bytes: Uint8Array): DecodedFamily[] {
  const reader = protobuf.Reader.create(bytes);
  const families: DecodedFamily[] = [];
  while (reader.pos < reader.len) {
    const message = type.decodeDelimited(reader);
    families.push(type.toObject(message, { longs: Number, enums: String }) as DecodedFamily);
  }
  return families;
}
