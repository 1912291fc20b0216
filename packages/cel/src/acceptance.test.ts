import { expect, test } from 'vitest';
import { allNeeds, Needs } from './attributes/attributes.ts';
import { compile, failing } from './compile.ts';
import { parseCustomFunctions } from './custom/parse.ts';
import { headers, JwtFields, RequestFields, record, TestActivation } from './fixtures/activation.ts';
import { evaluate, program, refusal, typeOfResult } from './fixtures/evaluate.ts';
import { fromJson } from './json/from.ts';
import { CelError } from './values/error.ts';
import { Duration } from './values/time.ts';
import { Flattened } from './views/flattened.ts';
import { Secret } from './views/secret.ts';

const error = (text: string) => expect.stringContaining(`error: ${text}`);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

test('CEL-1: ints add up to an int', () => {
  expect(evaluate('1 + 1')).toBe(2);
  expect(typeOfResult('1 + 1')).toBe('int');
});

test('CEL-2: int and uint do not add up', () => {
  expect(evaluate('1 + 1u')).toEqual(error("Unsupported binary operator 'add'"));
});

test('CEL-3: numbers are equal across kinds', () => {
  expect(evaluate('1 == 1u && 1 == 1.0')).toBe(true);
});

test('CEL-4: values of different kinds are unequal, which is no error', () => {
  expect(evaluate('"1" == 1')).toBe(false);
});

test('CEL-5: an empty map is no empty list', () => {
  expect(evaluate('{} == []')).toBe(false);
});

test('CEL-6: numbers have an order across kinds', () => {
  expect(evaluate('1 < 1.5 && uint(0) > -10')).toBe(true);
});

test('CEL-7: bytes have no order', () => {
  expect(evaluate('b"a" < b"b"')).toEqual(error('bytes can not be compared to bytes'));
});

test('CEL-8: an int that leaves 64 bits is an error', () => {
  expect(evaluate('9223372036854775807 + 1')).toEqual(error("Overflow from binary operator 'add'"));
});

test('CEL-9: dividing by zero is an error for ints, infinity for doubles', () => {
  expect(evaluate('1 / 0')).toEqual(error('Division by zero'));
  expect(evaluate('math.isInf(1.0 / 0.0) && 1.0 / 0.0 > 0.0')).toBe(true);
});

test('CEL-10: doubles have no remainder', () => {
  expect(evaluate('5.0 % 2.0')).toEqual(error("Unsupported binary operator 'rem'"));
});

test('CEL-11: a string is in a string that contains it', () => {
  expect(evaluate('"ell" in "hello"')).toBe(true);
});

test('CEL-12: int and uint keys are one for an index and two for in', () => {
  expect(evaluate('1 in {1u: "x"}')).toBe(false);
  expect(evaluate('{1u: "x"}[1]')).toBe('x');
});

test('CEL-13: an index outside of a list is an error', () => {
  expect(evaluate('[1,2,3][3]')).toEqual(error('Index out of bounds: 3'));
  expect(evaluate('[1][-1]')).toEqual(error('Index out of bounds: -1'));
});

test('CEL-14: unknown names compile, and are errors when evaluated', () => {
  expect(evaluate('undefinedVar')).toEqual(error("Undeclared reference to 'undefinedVar'"));
  expect(evaluate('nofn(1)')).toEqual(error("Undeclared reference to 'nofn'"));
});

test('CEL-15: false decides a conjunction whatever the other side is', () => {
  expect(evaluate('false && nofn()')).toBe(false);
  expect(evaluate('nofn() && false')).toBe(false);
  expect(evaluate('nofn() && true')).toEqual(error('Undeclared reference'));
});

test('CEL-16: true decides a disjunction whatever the other side is', () => {
  expect(evaluate('true || nofn()')).toBe(true);
  expect(evaluate('nofn() || true')).toBe(true);
  expect(evaluate('nofn() || false')).toEqual(error('Undeclared reference'));
});

test('CEL-17: the first error ends exists', () => {
  expect(evaluate('[0, 1].exists(x, 1 / x == 1)')).toEqual(error('Division by zero'));
  // Under the flag a later element may decide.
  expect(evaluate('[0, 1].exists(x, 1 / x == 1)', {}, { absorbErrors: true })).toBe(true);
  expect(evaluate('[0, 2].all(x, 1 / x == 1)', {}, { absorbErrors: true })).toBe(false);
  expect(evaluate('[0, 1].all(x, 1 / x == 1)', {}, { absorbErrors: true })).toEqual(error('Division by zero'));
});

test('CEL-18: what comes behind the element that decides is not evaluated', () => {
  expect(evaluate('[1, 0].exists(x, 1 / x == 1)')).toBe(true);
});

test('CEL-19: macros walk over the keys of a map', () => {
  expect(evaluate('{"a": 1, "b": 2}.map(k, k)')).toEqual(['a', 'b']);
});

test('CEL-20: map with a condition leaves elements out', () => {
  expect(evaluate('[1,2,3].map(y, y % 2 == 0, y + 1)')).toEqual([3]);
});

test('CEL-21: has takes a selected field and nothing else', () => {
  expect(refusal('has(jwt)')).toBe('invalid argument to has() macro');
});

test('CEL-22: a variable that is not available is null', () => {
  expect(evaluate('jwt == null')).toBe(true);
});

test('CEL-23: null has no fields', () => {
  expect(evaluate('has(jwt.sub)')).toBe(false);
  expect(evaluate('jwt.sub')).toBe('error: No such key: sub');
});

test('CEL-24: default stands in for a missing claim', () => {
  expect(evaluate('default(jwt.sub, "anon")')).toBe('anon');
  expect(evaluate('default(jwt.sub, "anon")', { jwt: fromJson({ sub: 'ann' }) })).toBe('ann');
});

test('CEL-25: default lets other errors pass', () => {
  expect(evaluate('default(1 / 0, 3)')).toEqual(error('Division by zero'));
});

test('CEL-26: coalesce takes the first that works', () => {
  expect(evaluate('coalesce(fail("bad"), 1 / 0, "fb")')).toBe('fb');
});

test('CEL-27: coalesce skips nulls but remembers them', () => {
  expect(evaluate('coalesce(null)')).toBe(null);
  expect(evaluate('coalesce(null, "x")')).toBe('x');
  expect(evaluate('coalesce()')).toEqual(error('Invalid argument count'));
  expect(evaluate('coalesce(null, 1 / 0)')).toBe(null);
  expect(evaluate('coalesce(nofn(), 1 / 0)')).toEqual(error('Division by zero'));
});

test('CEL-28: the syntax of optionals is refused', () => {
  for (const source of ['a.?b', 'a[?b]', '[?x]', '{?"k": v}']) expect(refusal(source)).toBe("unsupported syntax '?'");
});

test('CEL-29: the functions of optionals work', () => {
  expect(evaluate('optional.of(1).orValue(5)')).toBe(1);
  expect(evaluate('optional.none().orValue(5)')).toBe(5);
  expect(evaluate('optional.ofNonZeroValue("").hasValue()')).toBe(false);
  expect(evaluate('optional.of(1) == optional.of(1.0) && optional.none() != optional.of(1)')).toBe(true);
  expect(evaluate('optional.none().or(optional.of(2)).value()')).toBe(2);
});

test('CEL-30: a message compiles and cannot be made', () => {
  expect(evaluate('Foo{}')).toBe('error: Struct syntax is not supported');
  expect(evaluate('a.b.Foo{c: 1, }')).toBe('error: Struct syntax is not supported');
});

test('CEL-31: the size of a string is that of its UTF-8', () => {
  expect(evaluate('size("é")')).toBe(2);
});

test('CEL-32: indices count characters', () => {
  expect(evaluate('"résumé".indexOf("é", 2)')).toBe(5);
  expect(evaluate('"😀é".indexOf("é")')).toBe(1);
});

test('CEL-33: the end of a substring is clamped; no parts are no parts', () => {
  expect(evaluate('"hello".substring(3, 99)')).toBe('lo');
  expect(evaluate('"a b".split(" ", 0)')).toEqual([]);
});

test('CEL-34: replace stops at its count', () => {
  expect(evaluate('"hello hello".replace("he","we",1)')).toBe('wello hello');
});

test('CEL-35: a string contains nothing but strings', () => {
  expect(evaluate('"abc".contains(1)')).toBe(false);
});

test('CEL-36: matches searches', () => {
  expect(evaluate('"ab12".matches("[0-9]+")')).toBe(true);
});

test('CEL-37: a broken pattern is an error when evaluated', () => {
  expect(evaluate('"x".matches("(")')).toEqual(expect.stringContaining('is not a valid regex'));
});

test('CEL-38: regexReplace replaces the first match and knows groups', () => {
  expect(evaluate('"blah id=1234 bar id=5 ".regexReplace("id=(.+?) ", "[$1] ")')).toBe('blah [1234] bar id=5 ');
  expect(evaluate('"ab".regexReplace("(?P<first>a)(?P<rest>.)", "${rest}$first$$$nobody")')).toBe('ba$');
});

test('CEL-39: durations as text are seconds', () => {
  expect(evaluate('string(duration("1h30m"))')).toBe('5400s');
  expect(evaluate('string(duration("12ms"))')).toBe('0.012s');
});

test('CEL-40: the getters of a timestamp show its own clock', () => {
  expect(evaluate('timestamp("2023-05-28T02:00:00+05:00").getHours()')).toBe(2);
});

test('CEL-41: a timestamp is made of seconds or text', () => {
  expect(evaluate('timestamp(1900650294) == timestamp("2030-03-25T06:24:54Z")')).toBe(true);
});

test('CEL-42: timestamps end with the year 9999', () => {
  expect(evaluate('timestamp("9999-12-31T23:59:59Z") + duration("1s")')).toEqual(error('Overflow'));
});

test('CEL-43: math.greatest mixes kinds, math.ceil takes doubles', () => {
  expect(evaluate('math.greatest([1u, 0.0, 0u]) == 1')).toBe(true);
  expect(evaluate('math.ceil(1)')).toEqual(expect.stringContaining('expected double'));
});

test('CEL-44: right shifts are logical, long ones give 0', () => {
  expect(evaluate('math.bitShiftRight(-1024, 3)')).toBe(2305843009213693824n);
  expect(evaluate('math.bitShiftLeft(1u, 200)')).toBe(0);
});

test('CEL-45: bits of bytes are combined from the right', () => {
  const both = 'math.bitAnd(base64.decode("AAE="), base64.decode("AQ=="))';
  expect(evaluate(`base64.encode(${both})`)).toBe('AAE=');
});

test('CEL-46: a network contains the address of the source', () => {
  expect(evaluate('cidr("10.0.0.0/8").containsIP(source.address)')).toBe(true);
});

test('CEL-47: private IPv4 addresses are global unicast; nonsense is no address', () => {
  expect(evaluate('ip("192.168.0.1").isGlobalUnicast()')).toBe(true);
  expect(evaluate('ip("bad")')).toEqual(error("Error executing function 'ip'"));
});

test('CEL-48: URLs are encoded as RFC 3986 says', () => {
  expect(evaluate('url.encode("hello world/?x=1")')).toBe('hello%20world%2F%3Fx%3D1');
  expect(evaluate('url.decode("a+b")')).toBe('a+b');
  expect(evaluate('url.decode("%FF")')).toEqual(error("Error executing function 'url.decode'"));
});

test('CEL-49: repeated fields of a form are a list', () => {
  expect(evaluate('form.decode("a=1&a=2&b=x+y")')).toEqual({ a: ['1', '2'], b: 'x y' });
});

test('CEL-50: a form is written in the order of its keys', () => {
  expect(evaluate('form.encode({"z":"1","a":["x","y z"],"n":null})')).toBe('a=x&a=y+z&z=1');
});

test('CEL-51: hashes are lower-case hex', () => {
  expect(evaluate('sha256.encode("hello")')).toBe('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
});

test('CEL-52: fields of JSON', () => {
  expect(evaluate(`json('{"hi":1}').hi`)).toBe(1);
  expect(evaluate(`json('{"hi":1}').no`)).toBe('error: No such key: no');
});

test('CEL-53: whole numbers of json() are uints', () => {
  expect(evaluate(`type(json('{"a":1}').a) == uint`)).toBe(true);
  expect(evaluate(`json('{"a":1}').a + 1`)).toEqual(error("Unsupported binary operator 'add'"));
});

test('CEL-54: a token has three segments', () => {
  expect(evaluate('unvalidatedJwtPayload("a.b")')).toEqual(expect.stringContaining('expected 3 segments'));
  const payload = Buffer.from('{"sub":"ann"}').toString('base64url');
  expect(evaluate(`unvalidatedJwtPayload("e30.${payload}.x").sub`)).toBe('ann');
});

test('CEL-55: maps merge, and are filtered by a bool', () => {
  expect(evaluate('{"a":2}.merge({"a":3})')).toEqual({ a: 3 });
  expect(evaluate('{"a":1,"b":2}.filterKeys(k, k != "b")')).toEqual({ a: 1 });
  expect(evaluate('{"a":1}.filterKeys(k, 42)')).toEqual(error('No such overload'));
  expect(evaluate('{"a":1,"b":2}.mapValues(v, v * 10)')).toEqual({ a: 10, b: 20 });
});

test('CEL-56: with names a value', () => {
  expect(evaluate('[1,2].with(a, a + a)')).toEqual([1, 2, 1, 2]);
});

test('CEL-57: headers are found whatever their case', () => {
  expect(evaluate('request.headers["X-Example"]')).toBe('value');
});

test('CEL-58: an index gives the first of several values, a selector all', () => {
  expect(evaluate('request.headers["multi"]')).toBe('a,b');
  expect(evaluate('request.headers.multi')).toEqual(['a,b', 'c']);
  expect(evaluate('request.headers["mul" + "ti"] == request.headers["multi"]')).toBe(true);
  expect(evaluate('"multi".with(name, request.headers[name])')).toEqual(['a,b', 'c']);
});

test('CEL-59: headers joined, split, raw', () => {
  expect(evaluate('request.headers.join().multi')).toBe('a,b,c');
  expect(evaluate('request.headers.split().multi')).toEqual(['a', 'b', 'c']);
  expect(evaluate('request.headers.raw().single')).toEqual(['z']);
});

test('CEL-60: the last form wins', () => {
  expect(evaluate('request.headers.raw().join().multi')).toBe('a,b,c');
});

test('CEL-61: sensitive headers are shown only where they are not redacted', () => {
  expect(evaluate('request.headers.redacted().authorization')).toBe('<redacted>');
  expect(evaluate('request.headers.authorization')).toBe('Bearer token');
  expect(evaluate('request.headers.redacted().raw().authorization')).toEqual(['<redacted>']);
});

test('CEL-62: the first cookie of a name counts', () => {
  expect(evaluate('request.headers.cookie("session")')).toBe('abc');
  expect(evaluate('request.headers.cookie("nope")')).toBe('error: No such key: nope');
});

test('CEL-63: query parameters are lists', () => {
  expect(evaluate('request.pathAndQuery.query("foo")')).toEqual(['bar', 'baz']);
  expect(evaluate('request.pathAndQuery.query("q")')).toBe('error: No such key: q');
});

test('CEL-64: setQuery replaces all of a name', () => {
  expect(evaluate('request.uri.setQuery("foo","qux")')).toBe('http://example.com/api/test?zap=zip&foo=qux');
});

test('CEL-65: addQuery appends, and the result is a string to operators', () => {
  const text = '/api/test?foo=bar&foo=baz&zap=zip&foo=qux';
  expect(evaluate(`request.pathAndQuery.addQuery("foo","qux") == "${text}"`)).toBe(true);
  expect(evaluate(`"${text}" == request.pathAndQuery.addQuery("foo","qux")`)).toBe(true);
  expect(evaluate('request.pathAndQuery.addQuery("a","b c").query("a") + ["d"]')).toEqual(['b c', 'd']);
});

test('CEL-66: a key is redacted until somebody asks for it', () => {
  const apiKey = record({ key: new Secret('k1') });
  expect(evaluate('apiKey.key', { apiKey })).toBe('<redacted>');
  expect(evaluate('apiKey.key.unredacted()', { apiKey })).toBe('k1');
  expect(evaluate('apiKey.key + ""', { apiKey })).toBe('<redacted>');
  expect(evaluate('apiKey.key == "k1"', { apiKey })).toBe(false);
});

test('an expression that permissive loading let in always fails', () => {
  const permissive = failing('1 +');
  expect(permissive.test(new TestActivation())).toBe(false);
  const value = permissive.evaluate(new TestActivation());
  expect(value).toBeInstanceOf(CelError);
  expect((value as CelError).message).toBe('fail() called: the expression "1 +" could not be compiled');
  expect(permissive.attributes.needs).toBe(0);
});

test('strict loading refuses the same text, and says where', () => {
  const compiled = compile('1 +');
  expect(compiled.ok).toBe(false);
  if (!compiled.ok) {
    expect(compiled.error).toMatchObject({ line: 1, column: 4 });
    expect(compiled.error.rendered).toBe(
      'parse: ERROR: <input>:1:4: Syntax error: the expression ends too early\n | 1 +\n | ...^',
    );
  }
});

test('CEL-79: custom functions see the variables, and their needs are the callers needs', () => {
  const parsed = parseCustomFunctions('isGet() { request.method == "GET" }');
  if (!parsed.ok) throw new Error(parsed.message);
  const custom = parsed.functions;
  expect(evaluate('isGet()', {}, { custom })).toBe(true);
  expect(program('isGet()', { custom }).attributes.needs).toBe(Needs.request);
});

test('CEL-80: custom functions do not call each other in a circle', () => {
  const parsed = parseCustomFunctions('f(a) { g(a) } g(a) { f(a) }');
  expect(parsed).toMatchObject({ ok: false });
  if (!parsed.ok) expect(parsed.message).toContain('custom CEL function recursion is not supported: f -> g -> f');
});

test('CEL-81: custom functions do not take the names of others', () => {
  const parsed = parseCustomFunctions('size() { 1 }');
  if (parsed.ok) throw new Error('accepted');
  expect(parsed.error.message).toBe("'size' conflicts with an existing CEL function");
});

test('CEL-82: a duration that is not there yet is an error, and so false', () => {
  const slow = program('proxy.upstreamDuration > duration("500ms")');
  const proxy = record({ upstreamDuration: Duration.fromMilliseconds(600) });
  expect(slow.test(new TestActivation({ proxy }))).toBe(true);
  expect(slow.test(new TestActivation())).toBe(false);
  expect(slow.evaluate(new TestActivation())).toBeInstanceOf(CelError);
});

test('CEL-84: ports are uints', () => {
  expect(evaluate('source.port + 1')).toEqual(error("Unsupported binary operator 'add'"));
  expect(evaluate('source.port + 1u')).toBe(41_235);
  expect(typeOfResult('source.port + 1u')).toBe('uint');
  expect(evaluate('source.port == 41234')).toBe(true);
});

test('CEL-85: parentheses nest 48 deep', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}1${')'.repeat(depth)}`;
  expect(refusal(nested(60))).toBe('Recursion limit of 48 exceeded');
  expect(refusal(nested(49))).toBe('Recursion limit of 48 exceeded');
  expect(evaluate(nested(48))).toBe(1);
});

test('CEL-86: variables() shows what is there, and needs everything', () => {
  const all = program('variables()');
  expect(all.attributes.needs).toBe(allNeeds);
  expect(evaluate('variables().map(name, name)')).toEqual(['request', 'source']);
  expect(evaluate('variables().source.port')).toBe(41_234);
});

test('CEL-87: conversions are functions and methods', () => {
  expect(evaluate('"5".int() + int("2")')).toBe(7);
});

test('CEL-88: has looks for the last field only', () => {
  expect(evaluate('has(jwt.a.b)', { jwt: fromJson({}) })).toBe('error: No such key: a');
});

test('CEL-89: a field that is there and null is there', () => {
  expect(evaluate('has(request.host)', { request: new RequestFields({ host: null }) })).toBe(true);
  expect(evaluate('request.host', { request: new RequestFields({ host: null }) })).toBe(null);
});

test('CEL-90: the status of gRPC is not there for other responses', () => {
  expect(evaluate('has(response.grpcStatus)', { response: record({ code: 200 }) })).toBe(false);
});

test('CEL-91: a list of claims contains a role', () => {
  expect(evaluate('jwt.roles.contains("admin")', { jwt: fromJson({ roles: ['user', 'admin'] }) })).toBe(true);
});

test('CEL-92: numbers of claims are ints', () => {
  const jwt = new JwtFields({ exp: 1_900_000_000 }, 'a.b.c');
  expect(evaluate('jwt.exp > 1', { jwt })).toBe(true);
  expect(evaluate('type(jwt.exp) == int', { jwt })).toBe(true);
  expect(evaluate('jwt.rawToken', { jwt })).toBe('<redacted>');
  expect(evaluate('jwt.map(name, name)', { jwt })).toEqual(['exp']);
});

test('CEL-93: a body that only an index names is not asked for', () => {
  expect(program('request["body"]').attributes.needs).toBe(Needs.request);
  expect(program('{"r": request}.r.body').attributes.needs).toBe(Needs.request);
  expect(evaluate('request["body"]')).toBe('error: No such key: body');
});

// Upstream may not see it; a key of a map is read like everything else.
test('CEL-94: keys of maps are tracked', () => {
  expect(program('{request.path: 1}').attributes).toEqual({ needs: Needs.request, paths: ['request.path'] });
});

test('CEL-95: chance lies below 2', () => {
  expect(program('random() < 2.0').test(new TestActivation())).toBe(true);
  const sources = { random: () => 0.25, uuid: () => 'an-id' };
  expect(evaluate('random()', {}, { sources })).toBe(0.25);
  expect(evaluate('uuid()', {}, { sources })).toBe('an-id');
});

test('CEL-97: the greatest of nothing is null; what has no order is an error', () => {
  expect(evaluate('max([])')).toBe(null);
  expect(evaluate('max()')).toBe(null);
  expect(evaluate('max(1, "a")')).toEqual(error('string can not be compared to int'));
});

test('CEL-98: bytes in JSON are base64', () => {
  expect(evaluate('toJson({"a": b"hi"})')).toBe('{"a":"aGk="}');
});

test('CEL-99: JSON that is none is an error like any other', () => {
  expect(evaluate('coalesce(json("{"), 1)')).toBe(1);
});

test('CEL-100: headers are a map to the functions of maps', () => {
  expect(evaluate('request.headers.filterKeys(k, k == "single")')).toEqual({ single: 'z' });
});

test('headers with bytes beyond ASCII are not found by a constant index', () => {
  const request = new RequestFields({ source: headers(['x', 'h\u00e9']) });
  expect(evaluate('request.headers["X"]', { request })).toBe("error: No such key: request.headers['x']");
  expect(evaluate('request.headers.x', { request })).toBe('h\u00e9');
});

test('a body over the limit leaves its prefix', () => {
  const request = new RequestFields({ bodyPrefix: bytes('hell') });
  expect(evaluate('request.body', { request })).toBe('error: No such key: body');
  expect(evaluate('request.bodyPrefix == b"hell"', { request })).toBe(true);
  expect(program('request.bodyPrefix').attributes.needs).toBe(Needs.request | Needs.requestBody);
});

test('flatten spreads into fields', () => {
  const value = program('flatten(request.headers)').evaluate(new TestActivation()) as Flattened;
  expect(value).toBeInstanceOf(Flattened);
  expect(Object.fromEntries(value.fields('h'))).toMatchObject({ 'h.x-example': 'value', 'h.multi': ['a,b', 'c'] });
  const deep = program('flattenRecursive({"a": [1, {"b": 2}], "n": null})').evaluate(new TestActivation()) as Flattened;
  expect([...deep.fields('x')]).toEqual([
    ['x.a.0', 1],
    ['x.a.1.b', 2],
  ]);
});
