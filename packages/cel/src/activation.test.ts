import { expect, test } from 'vitest';
import type { Activation } from './activation.ts';
import { compile } from './compile.ts';
import { TestActivation } from './fixtures/activation.ts';
import { program } from './fixtures/evaluate.ts';
import { fromJson } from './json/from.ts';
import { CelError } from './values/error.ts';
import { Fields, type Value } from './values/value.ts';

/** Notes which fields somebody looked at. */
class Watched extends Fields {
  readonly seen: string[] = [];

  override field(name: string): Value | undefined {
    this.seen.push(name);
    return name === 'broken' ? new CelError('internal', 'broken') : name === 'absent' ? undefined : name;
  }

  override names(): string[] {
    return ['a', 'b', 'broken'];
  }
}

/** As `TestActivation`, with a variable that is made when asked for. */
function lazily(made: string[]): Activation {
  return Object.defineProperty(new TestActivation(), 'jwt', {
    get: () => {
      made.push('jwt');
      return fromJson({ sub: 'ann' });
    },
  });
}

test('a variable is made when an expression reads it, and not before', () => {
  const made: string[] = [];
  const activation = lazily(made);
  expect(program('request.method == "PUT" && jwt.sub == "ann"').test(activation)).toBe(false);
  expect(made).toEqual([]);
  expect(program('request.method == "GET" && jwt.sub == "ann"').test(activation)).toBe(true);
  expect(made).toEqual(['jwt']);
});

test('of a view only the fields are made that are read', () => {
  const metadata = new Watched();
  const activation = new TestActivation({ metadata });
  expect(program('metadata.a == "a" && has(metadata.b) && !has(metadata.absent)').test(activation)).toBe(true);
  expect(metadata.seen).toEqual(['a', 'b', 'absent']);
});

test('a field that fails to be made is an error where it is read', () => {
  const activation = new TestActivation({ metadata: new Watched() });
  expect(program('metadata.broken').evaluate(activation)).toBeInstanceOf(CelError);
  expect(program('metadata.mapValues(v, v)').evaluate(activation)).toBeInstanceOf(CelError);
  expect(program('coalesce(metadata.broken, metadata.a)').evaluate(activation)).toBe('a');
});

test('a view that throws does not bring down the caller', () => {
  class Throwing extends Watched {
    override field(): Value {
      throw new Error('not meant to happen');
    }
  }
  const value = program('metadata.a').evaluate(new TestActivation({ metadata: new Throwing() }));
  expect(value).toBeInstanceOf(CelError);
  expect((value as CelError).kind).toBe('internal');
});

test('other variables than those of the gateway', () => {
  const variables = new Map([['port', ({ port }: { port: number }) => port as Value]]);
  const compiled = compile('port + 1', { variables });
  if (!compiled.ok) throw new Error(compiled.error.rendered);
  expect(compiled.program.evaluate({ port: 80 })).toBe(81);
});
