import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanObject } from './json-scan.ts';
import { JsonSplice } from './json-splice.ts';

function splice(text: string): JsonSplice {
  return new JsonSplice(scanObject(Buffer.from(text)));
}

test('a new value leaves every other byte as it was', () => {
  const text = '{ "a" : 1.0 ,\n"model":"x", "b":[ ] }';
  expect(splice(text).set('model', '"y"').apply().toString()).toBe('{ "a" : 1.0 ,\n"model":"y", "b":[ ] }');
});

test('nothing asked for gives the same buffer', () => {
  const bytes = Buffer.from('{"a":1}');
  expect(new JsonSplice(scanObject(bytes)).remove('b').rename('c', 'd').apply()).toBe(bytes);
});

test.each([
  ['{}', '{"n":0}'],
  ['{ }', '{"n":0 }'],
  ['{"a":1}', '{"a":1,"n":0}'],
  ['{"a":{"n":2} }', '{"a":{"n":2},"n":0 }'],
  ['{"n":1,"n":2}', '{"n":0,"n":0}'],
])('sets a field of %s', (text, expected) => {
  expect(splice(text).set('n', '0').apply().toString()).toBe(expected);
});

test.each([
  ['{"x":1}', '{}'],
  ['{"x":1,"a":2}', '{"a":2}'],
  ['{"a":2, "x":1}', '{"a":2}'],
  ['{"a":2, "x":1 , "b":3}', '{"a":2 , "b":3}'],
  ['{"x":1,"x":2,"a":3,"x":4}', '{"a":3}'],
])('removes a field of %s', (text, expected) => {
  expect(splice(text).remove('x').apply().toString()).toBe(expected);
});

test('renames a field in its place', () => {
  expect(splice('{"a":1, "max_tokens" :5}').rename('max_tokens', 'max').apply().toString()).toBe('{"a":1, "max" :5}');
});

test('any edits give what they give on the object', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const name = fc.constantFrom(...names);
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.jsonValue()),
      fc.constantFrom(undefined, 1),
      fc.uniqueArray(fc.tuple(name, fc.option(fc.jsonValue())), { selector: ([field]) => field }),
      (source, indent, edits) => {
        const text = JSON.stringify(source, null, indent);
        const patch = splice(text);
        const expected = JSON.parse(text) as Record<string, unknown>;
        for (const [field, value] of edits) {
          if (value === null) {
            patch.remove(field);
            delete expected[field];
          } else {
            patch.set(field, JSON.stringify(value));
            expected[field] = JSON.parse(JSON.stringify(value));
          }
        }
        expect(JSON.parse(patch.apply().toString())).toEqual(expected);
      },
    ),
  );
});
