import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonScanError, scanObject } from './json-scan.ts';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JSON text with spacing and escapes that `JSON.stringify` would not write. */
function loosely(value: unknown, space: string): string {
  if (Array.isArray(value)) return `[${space}${value.map((item) => loosely(item, space)).join(`${space},`)}${space}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, item]) => `${escaped(key)}${space}:${space}${loosely(item, space)}`,
    );
    return `{${space}${members.join(`,${space}`)}${space}}`;
  }
  return typeof value === 'string' ? escaped(value) : JSON.stringify(value);
}

function escaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
}

describe('scanObject', () => {
  test('finds the fields of a request without touching the rest', () => {
    const object = scanObject(
      Buffer.from(' {"model" : "m\\u0041", "messages":[{"a":"}\\"]"},[1]] , "n":-1.5e3,"x":null}\n'),
    );
    expect(object.size).toBe(4);
    expect(object.value('model')).toBe('mA');
    expect(object.kind('messages')).toBe('array');
    expect(object.value('n')).toBe(-1500);
    expect(object.kind('x')).toBe('null');
    expect(object.value('y')).toBeUndefined();
  });

  test('of a repeated field the last counts', () => {
    const object = scanObject(Buffer.from('{"a":1,"\\u0061":2}'));
    expect(object.value('a')).toBe(2);
  });

  test('every object has the fields and values that JSON.parse gives it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
        fc.constantFrom('', ' ', '\n\t', '\r '),
        fc.boolean(),
        (value, space, loose) => {
          const text = (loose ? loosely(value, space) : JSON.stringify(value)).toWellFormed();
          const object = scanObject(Buffer.from(text));
          const expected = JSON.parse(text) as Record<string, unknown>;
          expect(new Set(Array.from({ length: object.size }, (_, i) => object.nameAt(i)))).toEqual(
            new Set(Object.keys(expected)),
          );
          for (const [name, item] of Object.entries(expected)) expect(object.value(name)).toEqual(item);
        },
      ),
    );
  });

  test('accepts and refuses what JSON.parse accepts and refuses, with one byte changed anywhere', () => {
    const bytes = fc.constantFrom(...Buffer.from('{}[]":,\\ue0123456789.-+Etfn \n\r\t\x01/'));
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ maxLength: 200 }), fc.jsonValue()),
        fc.nat(),
        bytes,
        fc.nat(2),
        (value, place, byte, how) => {
          const source = Buffer.from(JSON.stringify(value));
          const at = place % (source.length + 1);
          const changed = Buffer.concat([
            source.subarray(0, at),
            ...(how === 0 ? [] : [Buffer.of(byte)]),
            source.subarray(how === 2 ? at : at + 1),
          ]);
          expectSameVerdict(changed.toString());
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('what is special is found at every place of a long text, wherever the text lies in memory', () => {
    for (let offset = 0; offset < 4; offset++) {
      for (let length = 60; length < 76; length++) {
        for (const special of [
          '\\n',
          '\\"',
          '\\\\',
          '\\u00e9',
          '\u0001',
          '\n',
          '"',
          '\\x',
          'é',
          '!',
          '#',
          '[',
          ']',
          '\u007f',
        ]) {
          const text = `{"a":"${'x'.repeat(length)}${special}${'y'.repeat(9)}","b":1}`;
          const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]).subarray(offset);
          const expected = parsed(text);
          if (expected === undefined) expect(() => scanObject(bytes), text).toThrow(JsonScanError);
          else expect(scanObject(bytes).value('a')).toBe((expected as { a: string }).a);
        }
      }
    }
    for (let length = 0; length < 80; length++) {
      expect(() => scanObject(Buffer.from(`{"a":"${'x'.repeat(length)}`))).toThrow(JsonScanError);
    }
  });

  test('every cut of a text is refused', () => {
    const text = '{"a":[1.5e-3,{"b":"\\u00e9\\n"}],"c":true,"d":{}}';
    for (let length = 0; length < text.length; length++) {
      expect(() => scanObject(Buffer.from(text.slice(0, length)))).toThrow(JsonScanError);
    }
  });

  test.each([
    '01',
    '-',
    '1.',
    '.5',
    '1e',
    '1e+',
    '+1',
    'nul',
    'tru',
    'NaN',
    '"\\x"',
    '"\\u12g4"',
    '"\t"',
    '[1,]',
    '{"a":1,}',
  ])('refuses %s as a value', (value) => expectSameVerdict(`{"k":${value}}`));

  test.each([
    ['{"a":1,}', 7, 'expected a field name'],
    ['{"a" 1}', 5, "expected ':'"],
    ['{"a":1 "b":2}', 7, "expected ',' or '}'"],
    ['{"a":1} x', 8, 'unexpected text behind the JSON value'],
    ['{"a":', 5, 'unexpected end of JSON'],
    ['', 0, 'unexpected end of JSON'],
    ['[1]', 0, 'not an object'],
    ['{"a":"\n"}', 6, 'control character in a string'],
    ['{"é":tru}', 9, "expected 'true'"],
  ])('says where %j is wrong', (text, position, message) => {
    expect(() => scanObject(Buffer.from(text))).toThrow(
      expect.objectContaining({ position, message: `${message} at byte ${position}` }),
    );
  });

  test('bytes that are not UTF-8 are refused where they stand', () => {
    const bytes = Buffer.concat([Buffer.from('{"\ufffd":"é'), Buffer.of(0xc3), Buffer.from('"}')]);
    expect(() => scanObject(bytes)).toThrow(expect.objectContaining({ position: 10 }));
  });

  test('nesting of any depth takes no stack', () => {
    const depth = 200_000;
    const text = `{"a":${'[{"b":'.repeat(depth)}1${'}]'.repeat(depth)}}`;
    expect(scanObject(Buffer.from(text)).kind('a')).toBe('array');
  });
});

function expectSameVerdict(text: string): void {
  const value = parsed(text);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  let scanned = true;
  try {
    scanObject(Buffer.from(text));
  } catch (error) {
    expect(error).toBeInstanceOf(JsonScanError);
    scanned = false;
  }
  expect(scanned, text).toBe(isObject);
}
