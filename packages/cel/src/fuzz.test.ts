import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from './compile.ts';
import { parseCustomFunctions } from './custom/parse.ts';
import { JwtFields, RequestFields, TestActivation } from './fixtures/activation.ts';
import { functionNames } from './functions/table.ts';
import { fromJson } from './json/from.ts';
import { parseJson } from './json/parse.ts';
import { toJson } from './json/to.ts';
import { CelError } from './values/error.ts';
import { Cidr, Ip } from './values/ip.ts';
import { CelMap } from './values/map.ts';
import { canonical, Double, int64Max, int64Min, Uint } from './values/number.ts';
import { Duration, Timestamp } from './values/time.ts';
import type { Value } from './values/value.ts';
import { QueryText } from './views/query.ts';
import { Secret } from './views/secret.ts';

const activation = new TestActivation({
  request: new RequestFields(),
  jwt: new JwtFields({ sub: 'ann', roles: ['a', 'b'], deep: { n: [1, 2.5, { x: null }] } }, 'token'),
});

fc.configureGlobal({ seed: 20_480 });

/** Compiles and evaluates; what is thrown fails the test, and so does an error that nobody foresaw. */
function survives(source: string): void {
  const compiled = compile(source, { budget: 20_000 });
  if (!compiled.ok) {
    expect(compiled.error.line).toBeGreaterThan(0);
    expect(compiled.error.rendered).toContain(compiled.error.message);
    return;
  }
  const value = compiled.program.evaluate(activation);
  if (value instanceof CelError) {
    expect(value.message).not.toBe('');
    expect(value.kind).not.toBe('internal');
  } else toJson(value);
}

const words = [
  ...functionNames.map((name) => name.replace('.', ' . ')),
  ...'( ) ( ) [ ] { } . , : ? + - * / % == != < <= > >= && || ! in true false null'.split(' '),
  ...'request jwt source x k has all exists exists_one map filter sub headers roles deep int uint string'.split(' '),
  ...[
    '1',
    '0',
    '9223372036854775807',
    '1u',
    '1.5',
    '"a"',
    "'😀é'",
    'b"\\xff"',
    '`a-b`',
    'r"\\d"',
    '"(a+)+"',
    '/*',
    '//',
  ],
];

test('no text breaks the parser or the evaluator', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), survives), { numRuns: 2_000 });
});

test('no sequence of words breaks the parser or the evaluator', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (parts) => survives(parts.join(' '))),
    { numRuns: 5_000 },
  );
});

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom('1', '-1', '0u', '2.5', '"ab"', 'b"ab"', 'true', 'null', '[]', '{}', 'jwt', 'jwt.sub', 'jwt.roles'),
    fc.constantFrom('request', 'request.headers', 'request.uri', 'jwt.deep.n', 'x', 'duration("1s")', 'timestamp(0)'),
    fc
      .tuple(tie('expression'), fc.constantFrom(...'+ - * / % == != < >= && || in'.split(' ')), tie('expression'))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `${a}[${b}]`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc.tuple(tie('expression'), fc.constantFrom('sub', 'n', 'multi', 'constructor')).map(([a, f]) => `${a}.${f}`),
    fc
      .tuple(fc.constantFrom(...functionNames), fc.array(tie('expression'), { maxLength: 3 }))
      .map(([name, args]) => `${name}(${args.join(', ')})`),
    fc
      .tuple(tie('expression'), fc.constantFrom(...functionNames), fc.array(tie('expression'), { maxLength: 2 }))
      .map(([target, name, args]) => `${target}.${name.replace(/^.*\./, '')}(${args.join(', ')})`),
    fc
      .tuple(tie('expression'), fc.constantFrom('all', 'exists', 'map', 'filter', 'with', 'mapValues', 'filterKeys'))
      .chain(([target, macro]) => tie('expression').map((body) => `${target}.${macro}(x, ${body})`)),
    fc.array(tie('expression'), { maxLength: 3 }).map((elements) => `[${elements.join(', ')}]`),
    fc.tuple(tie('expression'), tie('expression')).map(([key, value]) => `{${key}: ${value}}`),
    tie('expression').map((operand) => `!${operand}`),
    tie('expression').map((operand) => `-${operand}`),
  ),
}));

test('no expression breaks the evaluator', () => {
  fc.assert(fc.property(expression, survives), { numRuns: 8_000 });
});

test('an expression that is cut anywhere is refused or evaluated, never more', () => {
  const source =
    'request.headers["x"].split(",").exists(v, v.matches(r"^a\\d+$")) && {1: b\'\\x00\', "é": [1.5e3, 0x1fu]}.map(k, k)';
  for (let end = 0; end <= source.length; end++) {
    survives(source.slice(0, end));
    survives(source.slice(end));
  }
});

const value: fc.Arbitrary<Value> = fc.oneof(
  { maxDepth: 3 },
  fc.constantFrom<Value>(null, true, false, '', new Uint8Array(0), [], new CelMap()),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.bigInt({ min: int64Min, max: int64Max }).map(canonical),
  fc.integer({ min: -70, max: 70 }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((number) => new Uint(canonical(number))),
  fc.double().map((number) => new Double(number)),
  fc.uint8Array({ maxLength: 40 }),
  fc.integer().map((seconds) => new Duration(seconds, 5)),
  fc.integer().map((seconds) => Timestamp.at(seconds, 999_999_999, 3_600) as Timestamp),
  fc.ipV4().map((text) => Ip.parse(text) as Ip),
  fc.ipV6().map((text) => Ip.parse(text) as Ip),
  fc.constantFrom<Value>(Cidr.parse('10.0.0.0/8') as Cidr, new Secret('s'), new QueryText('/a?b=c&d=%zz&&=')),
  fc.json({ maxDepth: 2 }).map((text) => fromJson(JSON.parse(text))),
);

test('no arguments break a function', () => {
  const args = ['a', 'b', 'c', 'd'] as const;
  const programs = functionNames
    .filter((name) => name !== 'variables')
    .flatMap((name) => args.flatMap((_, n) => [`${name}(${args.slice(0, n)})`, `a.${name}(${args.slice(1, n)})`]))
    .map((source) => {
      const variables = new Map(args.map((name, index) => [name, (given: Value[]) => given[index] as Value] as const));
      const compiled = compile<Value[]>(source, { variables, budget: 50_000 });
      if (!compiled.ok) throw new Error(compiled.error.rendered);
      return compiled.program;
    });
  fc.assert(
    fc.property(fc.tuple(value, value, value, value), (given) => {
      for (const program of programs) {
        const result = program.evaluate(given);
        if (!(result instanceof CelError)) toJson(result);
        else if (result.kind === 'internal') throw new Error(`${program.source}: ${result.message}`);
        else expect(result.message).not.toBe('');
      }
    }),
    { numRuns: 150 },
  );
});

test('an address that is written is the address that was read', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      expect(Ip.parse(text)?.text).toBe(text);
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const ip = Ip.parse(text) as Ip;
      expect(Ip.parse(ip.text)?.equals(ip)).toBe(true);
    }),
  );
});

test('JSON that goes through values comes out as it went in', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (json) => {
      const text = JSON.stringify(json);
      const through = toJson(fromJson(parseJson(text)));
      expect(JSON.parse(through as string)).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('no text breaks the reader of custom functions', () => {
  const piece = fc.constantFrom(...'f g this. ( ) { } a, b... , # \n \' " \\ 1 + f(a) g(a) size "}"'.split(' '));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const parsed = parseCustomFunctions(pieces.join(' '));
      if (parsed.ok) for (const name of parsed.functions.keys()) compile(`${name}(1)`, { custom: parsed.functions });
      else expect(parsed.message).not.toBe('');
    }),
    { numRuns: 3_000 },
  );
});
