import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { negotiate } from './exposition.ts';

const protobuf = 'application/vnd.google.protobuf';

test.each([
  [undefined, 'classic'],
  ['*/*', 'classic'],
  ['application/json', 'classic'],
  [`${protobuf};q=0.6,text/plain;q=0.2`, 'protobuf'],
  [`${protobuf};q=0,text/plain`, 'classic'],
  [`${protobuf};q=0`, 'classic'],
  [`${protobuf};q=0.2,text/plain;q=0.6`, 'classic'],
  ['application/protobuf', 'protobuf'],
  ['application/x-protobuf;q=0.1,application/json', 'protobuf'],
  ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3', 'openmetrics'],
  [`${protobuf},application/openmetrics-text,text/plain`, 'protobuf'],
  ['application/openmetrics-text;q=0.1,text/plain', 'classic'],
  ['application/openmetrics-text;q=0', 'classic'],
  ['application/openmetrics-text;q=x, ;;,', 'classic'],
] as const)('TEL-25: %s is answered in %s', (accept, format) => {
  verifies('TEL-25');
  expect(negotiate(accept).format).toBe(format);
});

test('the content type says what the body is', () => {
  expect(negotiate('text/plain').contentType).toMatch(/^text\/plain;/);
  expect(negotiate(protobuf).contentType).toBe(
    `${protobuf};proto=io.prometheus.client.MetricSet;encoding=delimited;version=1.0.0`,
  );
  // As Prometheus asks, whose libraries take nothing else.
  const prometheus = `${protobuf};proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;q=0.2`;
  expect(negotiate(prometheus).contentType).toBe(
    `${protobuf};proto=io.prometheus.client.MetricFamily;encoding=delimited`,
  );
});
