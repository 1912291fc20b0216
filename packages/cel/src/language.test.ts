import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { record } from './fixtures/activation.ts';
import { evaluate, program, refusal, typeOfResult } from './fixtures/evaluate.ts';
import { fromJson } from './json/from.ts';

describe('literals', () => {
  test.each([
    ['-9223372036854775808', -9223372036854775808n],
    ['0x7fffffffffffffff', 9223372036854775807n],
    ['-0x1', -1],
    ['18446744073709551615u', 18446744073709551615n],
    ['0xFFu', 255],
    ['1.5e3', 1_500],
    ['.5', 0.5],
    ['"\\x41\\u00e9\\U0001F600\\101\\n"', 'Aé😀A\n'],
    ["'it''s'".replace("''", "\\'"), "it's"],
    ['"""a "quoted"\nline"""', 'a "quoted"\nline'],
    ["r'\\d'", '\\d'],
    ["b'\\xff\\000é'", Buffer.from([255, 0, 0xc3, 0xa9]).toString('base64')],
    ["br'''\\x'''", Buffer.from('\\x').toString('base64')],
    ['[1, 2, ]', [1, 2]],
    ['{"a": 1, }', { a: 1 }],
    ['1 // comment\n + 1', 2],
  ])('%s', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test.each([
    ['9223372036854775808', 'out of range'],
    ['-9223372036854775809', 'out of range'],
    ['18446744073709551616u', 'out of range'],
    ['1e400', 'out of range'],
    ['"\\z"', "unknown escape sequence '\\z'"],
    ['"\\ud800"', 'no Unicode character'],
    ['"a', 'string is not closed'],
    ['"a\nb"', 'string is not closed'],
    ['a @ b', 'unexpected character "@"'],
    ['for', 'reserved identifier: for'],
    ['f(1,)', "unexpected ')'"],
    ['1 2', "unexpected '2'"],
    ['[1].map(x.y, 1)', 'argument must be a simple name'],
  ])('%s is refused', (source, message) => {
    expect(refusal(source)).toContain(message);
  });
});

test('the place of a mistake is a line and a column in characters', () => {
  const compiled = compile('"é😀" +\n  "é" @');
  if (compiled.ok) throw new Error('accepted');
  expect(compiled.error).toMatchObject({ line: 2, column: 7 });
  expect(compiled.error.rendered.split('\n').slice(1)).toEqual([' |   "é" @', ' | ......^']);
});

test('names that nobody knows are warned of, with the one that was meant', () => {
  const { warnings } = program('reqest.path.startWith("/") && sise(jwt) > 1');
  expect(warnings.map(({ message }) => message)).toEqual([
    "unknown variable 'reqest'; did you mean 'request'?",
    "unknown method 'startWith'; did you mean 'startsWith'?",
    "unknown function 'sise'; did you mean 'size'?",
  ]);
  const messages = (source: string) => program(source).warnings.map(({ message }) => message);
  expect(messages('request.paht == "/" && has(response.status)')).toEqual([
    "unknown field 'request.paht'; did you mean 'request.path'?",
    "unknown field 'response.status'",
  ]);
  expect(messages('size() > 1 || "a".replace("b") == "" || math.abs() == 1 || charAt("a", 1) == ""')).toEqual([
    "'size' is called with too few arguments",
    "'replace' is called with too few arguments",
    "'abs' is called with too few arguments",
    "'charAt' is a method: x.charAt(…)",
  ]);
  expect(messages('jwt.anything.goes && [{"a": 1}].all(request, request.a == 1) && metadata.x == 1')).toEqual([]);
  expect(program('request.headers.redacted().cookie("a")').warnings).toEqual([]);
});

describe('better than the original', () => {
  test('D11: the global form of string functions compares its two arguments', () => {
    expect(evaluate('startsWith("abc", "b")')).toBe(false);
    expect(evaluate('endsWith("abc", "bc") && contains("abc", "b") && matches("abc", "^a")')).toBe(true);
  });

  test('D12: two signs cancel out, and still ask for the right type', () => {
    expect(evaluate('!!true')).toBe(true);
    expect(evaluate('--source.port')).toContain('Unsupported unary operator');
    expect(evaluate('[5].map(x, --x)')).toEqual([5]);
    expect(evaluate('!!1')).toBe('error: No such overload');
  });

  test('D13: a name in backticks is the name without them', () => {
    expect(evaluate('{"a-b/c": 1}.`a-b/c`')).toBe(1);
    expect(evaluate('has({"a-b": 1}.`a-b`)')).toBe(true);
  });
});

describe('errors', () => {
  test.each([
    ['"a".charAt()', 'Invalid argument count: expected 1, got 0'],
    ['size()', 'Invalid argument count: expected 1, got 0'],
    ['charAt("a", 0)', 'Missing argument or target'],
    ['{null: 1}', "Unable to use value 'null' as a key"],
    ['{[1]: 1}', "Unable to use value 'list' as a key"],
    ['[1]["a"]', 'Cannot use value as list index: string'],
    ['{"a": 1}[1.5]', 'Cannot use value as map index: 1.5'],
    ['1[0]', 'Cannot use value 0 to index 1'],
    ['"abc"[0]', 'No such key: 0'],
    ['"abc".length', 'No such key: length'],
    ['1 ? 2 : 3', 'No such overload'],
    ['!1', 'No such overload'],
    ['-true', "Unsupported unary operator 'minus': true"],
    ['7 % 0', 'Remainder by zero of 7'],
    ['1u - 2u', "Overflow from binary operator 'sub': 1, 2"],
    ['-9223372036854775808 / -1', "Overflow from binary operator 'div'"],
    ['1 < "a"', 'int can not be compared to string'],
    ['1 in 1', "Unsupported binary operator 'in'"],
    ['[1].join()', "Error executing function 'join'"],
    ['1.join()', "Error executing function 'join'"],
    ['string([])', 'Cannot convert list to string'],
    ['string(null)', 'Cannot convert null_type to string'],
    ['fail("no")', 'fail() called: no'],
    ['.size("a")', "Undeclared reference to '.size'"],
    ['[1].all(1)', "Undeclared reference to 'all'"],
    ['bool("true")', "Undeclared reference to 'bool'"],
  ])('%s', (source, message) => {
    expect(evaluate(source)).toContain(`error: ${message}`);
  });
});

test('both sides of a conjunction that fail give the error of the right one', () => {
  expect(evaluate('1 / 0 == 1 && nofn()')).toContain('Undeclared');
  expect(evaluate('nofn() || 1 / 0 == 1')).toContain('Division');
  expect(evaluate('nofn() && true && 1 / 0 == 1 && true')).toContain('Division');
  expect(evaluate('1 && true')).toBe('error: No such overload');
  expect(evaluate('nofn() && true && false')).toBe(false);
});

test('names inside hide names outside', () => {
  expect(evaluate('[1].map(request, request + 1)')).toEqual([2]);
  expect(evaluate('[[1, 2], [3]].map(x, x.map(x, x * 10))')).toEqual([[10, 20], [30]]);
  expect(evaluate('[1, 2].map(x, [10].map(y, x + y))')).toEqual([[11], [12]]);
  expect(evaluate('1.with(a, 2.with(b, a.with(c, a + b + c)))')).toBe(4);
});

test('a variable hides the type of its name, a type is a value', () => {
  expect(evaluate('type(1) == int && type(int) == type && type(type(1)) != int')).toBe(true);
  expect(evaluate('type(duration("1s")) == google.protobuf.Duration')).toBe(true);
  expect(evaluate('float == double')).toBe(true);
  expect(evaluate('string(type(1u))')).toBe('uint');
  expect(evaluate('[1].map(int, int)')).toEqual([1]);
});

test('prototypes are not looked into', () => {
  const jwt = fromJson(JSON.parse('{"__proto__": {"x": 1}, "a": 1}'));
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    expect(evaluate(`jwt.${name}`, { jwt })).toBe(`error: No such key: ${name}`);
    expect(evaluate(`has(jwt.${name}) || "${name}" in jwt || "${name}" in {"a": 1}`, { jwt })).toBe(false);
    expect(evaluate(`${name}(1)`)).toBe(`error: Undeclared reference to '${name}'`);
  }
  expect(evaluate('toJson(jwt)', { jwt })).toBe('{"__proto__":{"x":1},"a":1}');
});

test('string-like values are strings wherever a string is asked for', () => {
  expect(evaluate('[request.pathAndQuery, "#"].join("")')).toBe('/api/test?foo=bar&foo=baz&zap=zip#');
  expect(evaluate('request.uri.startsWith("http://") && startsWith("http://example.com", "http://e")')).toBe(true);
  expect(evaluate('request.uri + "" == string(request.uri) && type(request.uri) == string')).toBe(true);
  expect(evaluate('{request.pathAndQuery: 1}[request.pathAndQuery]')).toBe(1);
  expect(evaluate('request.pathAndQuery in [request.pathAndQuery + ""] && "foo" in request.uri')).toBe(true);
  expect(evaluate('request.pathAndQuery < "/b" && request.pathAndQuery.size() == 33')).toBe(true);
  expect(evaluate('url.encode(request.pathAndQuery).size() > request.pathAndQuery.size()')).toBe(true);
  expect(evaluate('request.uri.charAt(0) + request.uri.replace("http", "ws").substring(0, 2)')).toBe('hws');
});

test('maps keep keys of different kinds apart', () => {
  expect(evaluate('size({1: "a", 1u: "b", "1": "c", true: "d"})')).toBe(4);
  expect(evaluate('{1: "a", 1u: "b"}[1u] + {1: "a", 1u: "b"}[1] + {1: "a"}[1u]')).toBe('baa');
  expect(evaluate('{"a": 1} == {"a": 1.0} && {1: 2} == {1u: 2u}')).toBe(true);
  expect(evaluate('{9223372036854775807: 1}[9223372036854775807]')).toBe(1);
});

test('JSON numbers keep their kind', () => {
  const text = record({ text: '{"a": 1.0, "b": 18446744073709551615, "c": -1, "d": 1e2, "e": 9007199254740993}' });
  const kind = (field: string) => typeOfResult(`json(jwt.text).${field}`, { jwt: text });
  expect(['a', 'b', 'c', 'd', 'e'].map(kind)).toEqual(['double', 'uint', 'int', 'double', 'uint']);
  expect(evaluate('toJson(json(jwt.text))', { jwt: text })).toBe(
    '{"a":1,"b":18446744073709551615,"c":-1,"d":100,"e":9007199254740993}',
  );
  expect(typeOfResult('jwt.n', { jwt: fromJson({ n: 2 ** 60 }) })).toBe('double');
  expect(typeOfResult('jwt.n', { jwt: fromJson({ n: 2n ** 60n }) })).toBe('int');
  expect(typeOfResult('jwt.l[0]', { jwt: fromJson({ l: [1] }) })).toBe('uint');
});

test('strings are ordered by code point', () => {
  expect(evaluate('"\\U0001F600" > "\\uffee" && "a" < "b" && "a" < "aa"')).toBe(true);
});

test('an expression that draws lots is known as such', () => {
  expect(program('uuid() + "a"').volatile).toBe(true);
  expect(program('1.random() > 0.5').volatile).toBe(true);
  expect(program('request.path').volatile).toBe(false);
});

test('errors do not show what strings hold', () => {
  const secret = 'hunter2';
  const functions = 'int uint double duration timestamp ip cidr json base64.decode unvalidatedJwtPayload'.split(' ');
  for (const name of functions)
    expect(evaluate(`${name}(jwt.s)`, { jwt: fromJson({ s: secret }) })).not.toContain(secret);
  for (const source of [
    '-jwt.s',
    'jwt.s[jwt.s]',
    '[1][jwt.s]',
    'jwt.s < 1',
    '1 + jwt.s',
    'cidr("::/0").containsIP(jwt.s)',
  ]) {
    const text = evaluate(source, { jwt: fromJson({ s: secret }) });
    expect(text).toMatch(/^error: /);
    expect(text).not.toContain(secret);
  }
});

test('headers.first and headers.all say which of several values they mean', () => {
  expect(evaluate('request.headers.first("Multi")')).toBe('a,b');
  expect(evaluate('request.headers.all("multi")')).toEqual(['a,b', 'c']);
  expect(evaluate('request.headers.all("single")')).toEqual(['z']);
  expect(evaluate('request.headers.all("none")')).toEqual([]);
  expect(evaluate('request.headers.first("none")')).toBe('error: No such key: none');
  expect(evaluate('request.headers.redacted().first("authorization")')).toBe('<redacted>');
  expect(evaluate('request.headers.all(k, k.size() > 3)')).toBe(true);
});

test('values that were folded are not folded wrongly', () => {
  expect(program('1 + 2 * 3 == 7 && "a" in ["a", "b"]').constant).toBe(true);
  expect(program('random()').constant).toBeUndefined();
  expect(program('uuid()').constant).toBeUndefined();
  expect(program('variables()').constant).toBeUndefined();
  expect(program('jwt.sub + "a"').constant).toBeUndefined();
  expect(evaluate('1 + source.port')).toContain('error');
  expect(evaluate('"a" + "b" + request.method + "c" + "d"')).toBe('abGETcd');
});
