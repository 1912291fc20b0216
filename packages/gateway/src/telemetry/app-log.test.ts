import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { secret } from '../resources/secret.ts';
import type { LogFormat } from './access-log.ts';
import { AppLog } from './app-log.ts';
import { LevelError, LogLevels } from './levels.ts';
import { RequestRecord } from './record.ts';
import { type FinishedExchange, Telemetry } from './telemetry.ts';

function logger(format: LogFormat, directives = '') {
  const lines: string[] = [];
  const levels = new LogLevels(directives);
  const log = new AppLog(format, levels, { write: (line) => lines.push(line) }, () => 12.5);
  return { log, levels, lines };
}

const time = '1970-01-01T00:00:00.012500Z';

test('a text line', () => {
  const { log, lines } = logger('text');
  log.info('config', 'loaded', { path: 'a b.yaml', count: 3, nothing: undefined, list: [1, 'x'] });
  log.error('upstream tcp', 'failed\nnext');
  expect(lines).toEqual([
    `${time}\tinfo\tconfig\tloaded\tpath="a b.yaml" count=3 list=[1,"x"]\n`,
    `${time}\terror\tupstream tcp\tfailed\\nnext\n`,
  ]);
});

test('a JSON line', () => {
  const { log, lines } = logger('json');
  log.warn('config', 'said "no"', { n: 1.5e-7, error: new Error('why') });
  log.info('config', 'plain');
  expect(lines).toEqual([
    `{"level":"warn","time":"${time}","scope":"config","message":"said \\"no\\"","n":0.00000015,"error":"why"}\n`,
    `{"level":"info","time":"${time}","scope":"config","message":"plain"}\n`,
  ]);
});

test('connection and request come first', () => {
  const fields = { a: 1, 'request.id': 2, 'connection.id': 1 };
  const text = logger('text');
  text.log.info('x', 'm', fields);
  expect(text.lines).toEqual([`${time}\tinfo\tx\tm\tconnection.id=1 request.id=2 a=1\n`]);
  const json = logger('json');
  json.log.info('x', 'm', fields);
  expect(json.lines).toEqual([
    `{"level":"info","time":"${time}","scope":"x","connection.id":1,"request.id":2,"message":"m","a":1}\n`,
  ]);
});

test('secrets are never written', () => {
  for (const format of ['text', 'json'] as const) {
    const { log, lines } = logger(format);
    const circle: Record<string, unknown> = { key: secret('s3cret') };
    circle.self = circle;
    log.info('x', 'm', {
      key: secret('s3cret'),
      deep: { headers: [['Authorization', 's3cret']] },
      authorization: 's3cret',
      circle,
    });
    expect(lines.join('')).not.toContain('s3cret');
    expect(lines.join('')).toContain('<redacted>');
  }
});

test('a field cannot pose as the line itself', () => {
  const { log, lines } = logger('json');
  log.info('x', 'm', { level: 'error', message: 'other', time: 0 });
  expect(JSON.parse(lines[0] ?? '')).toEqual({ level: 'info', time, scope: 'x', message: 'm' });
});

test('levels: the longest scope wins, then the later directive', () => {
  const levels = new LogLevels('warn,a=info,a::b=debug,upstream=error,a=trace');
  expect(levels.enabled('z', 'warn')).toBe(true);
  expect(levels.enabled('z', 'info')).toBe(false);
  expect(levels.enabled('a', 'trace')).toBe(true);
  expect(levels.enabled('a::b::c', 'trace')).toBe(false);
  expect(levels.enabled('a::b::c', 'debug')).toBe(true);
  expect(levels.enabled('upstream request', 'warn')).toBe(false);
  expect(levels.enabled('upstreamer', 'warn')).toBe(true);
  expect(levels.current).toBe('warn,a=trace,a::b=debug,upstream=error');
});

test('levels change at run time, all or nothing', () => {
  const { log, levels, lines } = logger('text', 'error');
  levels.merge('cel=debug');
  log.debug('cel', 'seen');
  log.info('other', 'not seen');
  expect(lines).toHaveLength(1);
  expect(() => levels.merge('info,cel=loud')).toThrow(LevelError);
  expect(() => levels.merge('=info')).toThrow(LevelError);
  expect(levels.current).toBe('error,cel=debug');
  levels.reset('off');
  expect(levels.current).toBe('off');
  levels.reset();
  expect(levels.current).toBe('error');
  log.error('cel', 'seen');
  levels.set('off');
  log.error('cel', 'not seen');
  expect(lines).toHaveLength(2);
});

test('access lines follow the scope `request`; metrics count either way', () => {
  verifies('TEL-17');
  const lines: string[] = [];
  const levels = new LogLevels();
  const clock = { now: () => 0, epoch: () => 0 };
  const sink = { write: (line: string) => lines.push(line) };
  const telemetry = new Telemetry({ format: 'json', levels, sink, clock, thread: '1' });
  const record = Object.assign(new RequestRecord(), { endedAt: 1, connectionId: 4, requestId: 5 });
  const exchange = { record, trace: null, accessLog: null } as FinishedExchange;
  telemetry.finish(exchange);
  levels.merge('request=off');
  telemetry.finish(exchange);
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('connection.id');
  levels.merge('request=debug');
  telemetry.finish(exchange);
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ 'connection.id': 4, 'request.id': 5 });
  const requests = telemetry.metrics.snapshot().families.find(({ family }) => family === 'requests');
  expect(requests?.values).toEqual(new Float64Array([3]));
});

test('what goes wrong with one outlet is told, and the others have theirs', () => {
  const lines: string[] = [];
  const sink = { write: (line: string) => lines.push(line) };
  const clock = { now: () => 0, epoch: () => 0 };
  const telemetry = new Telemetry({ format: 'json', levels: new LogLevels(), sink, clock, thread: '1' });
  const fails = () => {
    throw new Error('broken');
  };
  const record = Object.assign(new RequestRecord(), { endedAt: 1, requestId: 5 });
  const trace = { tracer: { finish: fails } };
  const finish = (keeps: () => boolean) =>
    telemetry.finish({
      record,
      trace,
      accessLog: { keeps, compile: null, export: fails },
    } as unknown as FinishedExchange);
  finish(() => true);
  finish(fails);
  expect(lines.map((line) => JSON.parse(line).scope)).toEqual(['trace', 'otlp', 'request', 'trace', 'otlp', 'request']);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', 'request.id': 5, error: 'Error: broken' });
  expect(lines.map((line) => JSON.parse(line).level).filter((level) => level === 'info')).toHaveLength(1);
});
