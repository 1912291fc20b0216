import { expect, test } from 'vitest';
import { parseCustomFunctions } from './custom/parse.ts';
import { record, TestActivation } from './fixtures/activation.ts';
import { evaluate, program, refusal } from './fixtures/evaluate.ts';
import { fromJson } from './json/from.ts';
import { CelError } from './values/error.ts';

const exceeded = 'error: Evaluation limit exceeded';
const thousand = fromJson(Array.from({ length: 1_000 }, (_, i) => i));
const copies = () => fromJson(Array.from({ length: 1_000 }, () => [1, 2, 3]));
const jwt = record({ list: thousand });

test('loops inside of loops end at the budget', () => {
  const nested = 'jwt.list.map(a, jwt.list.map(b, jwt.list.map(c, a + b + c)))';
  expect(evaluate(nested, { jwt })).toBe(exceeded);
  expect(evaluate('jwt.list.all(a, a >= 0u)', { jwt })).toBe(true);
});

test('what is left of a budget cannot be hidden by an operator that swallows errors', () => {
  const endless = 'jwt.list.all(a, jwt.list.all(b, jwt.list.all(c, true)))';
  expect(evaluate(`${endless} || true`, { jwt })).toBe(exceeded);
  expect(evaluate(`coalesce(${endless}, 1)`, { jwt })).toBe(exceeded);
});

test('the budget is an option', () => {
  expect(evaluate('jwt.list.exists(a, a == 900)', { jwt }, { budget: 100 })).toBe(exceeded);
  expect(evaluate('jwt.list.exists(a, a == 5)', { jwt }, { budget: 100 })).toBe(true);
});

test('lists and texts that double at every step end at the budget', () => {
  expect(evaluate(`jwt.list${'.with(a, a + a)'.repeat(40)}.size()`, { jwt })).toBe(exceeded);
  const doubling = `jwt.text${'.with(a, a + a)'.repeat(40)}.size()`;
  expect(evaluate(doubling, { jwt: record({ text: 'x'.repeat(1_000) }) })).toMatch(/^error: .*(limit|too long)/);
});

test('replacing does not multiply the lengths of two texts', () => {
  const text = record({ text: 'x'.repeat(100_000) });
  expect(evaluate('jwt.text.replace("", jwt.text)', { jwt: text })).toContain('result is too long');
});

test('long lists are not compared for every element of a long list', () => {
  const lists = record({ list: thousand, a: copies(), b: copies() });
  expect(evaluate('jwt.list.all(x, [jwt.a] == [jwt.b])', { jwt: lists })).toBe(exceeded);
  expect(evaluate('[jwt.a] == [jwt.b]', { jwt: lists })).toBe(true);
});

test('a pattern that would backtrack is linear', () => {
  const text = record({ text: `${'a'.repeat(50_000)}b` });
  expect(evaluate('jwt.text.matches("^(a+)+$")', { jwt: text })).toBe(false);
});

test('long chains of one precedence do not recurse', () => {
  expect(evaluate(new Array(20_000).fill('1').join(' + '))).toBe(20_000);
  expect(evaluate(new Array(5_000).fill('source.port').join(' + '))).toBe(5_000 * 41_234);
  expect(evaluate(new Array(10_000).fill('true').join(' && '))).toBe(true);
  expect(evaluate(`${'!'.repeat(9_999)}true`)).toBe(false);
  expect(evaluate(`${'-'.repeat(9_998)}1`)).toBe(1);
});

test('what nests without brackets is bounded too', () => {
  expect(refusal(`jwt${'.a'.repeat(2_000)}`)).toContain('nests deeper than');
  expect(refusal(`"a"${'.trim()'.repeat(2_000)}`)).toContain('nests deeper than');
  expect(refusal(`${'true ? 1 : '.repeat(60)}1`)).toBe('Recursion limit of 48 exceeded');
  expect(refusal(`${'['.repeat(60)}${']'.repeat(60)}`)).toBe('Recursion limit of 48 exceeded');
});

test('an expression has a greatest length', () => {
  expect(refusal(`"${'a'.repeat(100_000)}"`)).toContain('longer than 100000 characters');
});

test('custom functions that call each other twice do not grow without end', () => {
  const block = Array.from({ length: 40 }, (_, i) => `f${i}() { f${i + 1}() + f${i + 1}() }`);
  const parsed = parseCustomFunctions(`${block.join('\n')}\nf40() { request.path }`);
  if (!parsed.ok) throw new Error(parsed.message);
  expect(refusal('f0()', { custom: parsed.functions })).toContain('parts');
});

test('JSON that nests too deep is an error where it is read', () => {
  const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
  expect(evaluate('json(jwt.text)', { jwt: record({ text: deep }) })).toContain('nests deeper');
  const objects = `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`;
  const value = program('toJson(json(jwt.text))').evaluate(new TestActivation({ jwt: record({ text: objects }) }));
  expect(value).toBeInstanceOf(CelError);
});

test.each([
  'url.encode(jwt.text)',
  'url.decode(jwt.text)',
  'form.encode({"a": jwt.text})',
  'form.decode(jwt.text)',
  'sha256.encode(jwt.text)',
  'base64.encode(jwt.text)',
  'json("[" + jwt.text + "1]")',
  'toJson([jwt.text])',
  'jwt.text.upperAscii()',
  'jwt.text.split(",")',
  'jwt.text.replace("1", "2")',
  'jwt.text.matches(string(x) + "a")',
  'jwt.text.regexReplace("2", "3")',
  'jwt.text + jwt.text',
  'size(jwt.text)',
])('%s is paid for by the length of the text', (call) => {
  const text = record({ list: thousand, text: '1,'.repeat(50_000) });
  expect(evaluate(`jwt.list.all(x, ${call} != "")`, { jwt: text }, { budget: 200_000 })).toBe(exceeded);
});

test('the budget suffices for a few passes over the largest body', () => {
  const body = new Uint8Array(Buffer.from(`{"a":"${'x'.repeat(32 * 1024 * 1024)}","b":1}`));
  expect(evaluate('json(request.body).b == 1 && request.body.size() > 1', { request: record({ body }) })).toBe(true);
});
