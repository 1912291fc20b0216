import { describe, expect, test } from 'vitest';
import { evaluate, typeOfResult } from '../fixtures/evaluate.ts';

function table(rows: readonly (readonly [source: string, expected: unknown])[]): void {
  test.each(rows)('%s', (source, expected) => {
    if (expected === 'error') expect(evaluate(source)).toMatch(/^error: /);
    else expect(evaluate(source)).toEqual(expected);
  });
}

describe('strings', () => {
  table([
    ['"a😀b".charAt(1)', '😀'],
    ['"abc".charAt(3)', 'error'],
    ['"abc".charAt(1u)', 'b'],
    ['"hello".indexOf("")', 0],
    ['"hello".lastIndexOf("")', 5],
    ['"hello".indexOf("l", 9)', -1],
    ['"hello".lastIndexOf("l")', 3],
    ['"hello".lastIndexOf("l", 2)', 2],
    ['"😀a😀a".lastIndexOf("a", 2)', 1],
    ['["a", "b"].join()', 'ab'],
    ['["a", "b"].join("-")', 'a-b'],
    ['"TÉst".lowerAscii()', 'tÉst'],
    ['"tést".upperAscii()', 'TéST'],
    ['"\\u2003 a b\\n".trim()', 'a b'],
    ['"aaa".replace("a", "b", -1)', 'bbb'],
    ['"aaa".replace("a", "b", 0)', 'aaa'],
    ['"ab".replace("", "-")', '-a-b-'],
    ['"a$b".replace("$", "$&")', 'a$&b'],
    ['"a,b,c".split(",")', ['a', 'b', 'c']],
    ['"a,b,c".split(",", 2)', ['a', 'b,c']],
    ['"a,b,c".split(",", -1)', ['a', 'b', 'c']],
    ['"ab".split("")', ['', 'a', 'b', '']],
    ['"hello".substring(2)', 'llo'],
    ['"hello".substring(3, 2)', 'error'],
    ['"hello".substring(-1)', 'error'],
    ['"x-a".stripPrefix("x-")', 'a'],
    ['"x-a".stripPrefix("y-")', 'x-a'],
    ['"a.js".stripSuffix(".js")', 'a'],
    ['"a.js".stripSuffix("")', 'a.js'],
    ['"é".contains("é")', true],
    ['b"abc".contains(b"bc")', true],
    ['{"a": 1}.contains("a")', true],
    ['"a.b.c".matches("^a\\\\.b")', true],
    ['"A".matches("(?i)a")', true],
  ]);
});

describe('conversions', () => {
  table([
    ['int(-1.9)', -1],
    ['int("x")', 'error'],
    ['int(1e19)', 'error'],
    ['int("-9223372036854775808")', -9223372036854775808n],
    ['int("9223372036854775808")', 'error'],
    ['uint(-1)', 'error'],
    ['uint("18446744073709551615")', 18446744073709551615n],
    ['double("1e3")', 1000],
    ['string(1.0)', '1'],
    ['string(1e21)', '1000000000000000000000'],
    ['string(1.5e-7)', '0.00000015'],
    ['string(-0.1)', '-0.1'],
    ['string(true)', 'true'],
    ['string(b"h\\xffi")', 'h\ufffdi'],
    ['string(timestamp("2023-05-28T02:00:00.120+05:00"))', '2023-05-27T21:00:00.12Z'],
    ['string(duration("-1.5s"))', '-1.5s'],
    ['bytes(1)', 'error'],
    ['1.string() + "2"', '12'],
    ['duration("1s junk")', 'error'],
    ['duration("0") == duration("-0s")', true],
    ['duration("1.5h") == duration("90m")', true],
    ['duration("1h30m5s10ms7us9ns").getMilliseconds()', 5_405_010],
    ['timestamp("2023-02-30T00:00:00Z")', 'error'],
    ['timestamp("2023-01-01")', 'error'],
    ['timestamp(253402300800)', 'error'],
  ]);
});

describe('time', () => {
  const at = 'timestamp("2023-12-31T23:45:56.789Z")';
  table([
    [`${at}.getFullYear()`, 2023],
    [`${at}.getMonth()`, 11],
    [`${at}.getDayOfYear()`, 364],
    [`${at}.getDayOfMonth()`, 30],
    [`getDate(${at})`, 31],
    [`${at}.getDayOfWeek()`, 0],
    [`${at}.getMinutes()`, 45],
    [`${at}.getSeconds("America/New_York")`, 56],
    [`${at}.getMilliseconds()`, 789],
    ['duration("1h").getMinutes()', 60],
    ['duration("1h").getFullYear()', 'error'],
    [`${at} - timestamp("2023-12-31T23:45:56Z") == duration("789ms")`, true],
    [`${at} + duration("1ms") > ${at}`, true],
    [`duration("1ms") + ${at} - duration("1ms") == ${at}`, true],
    ['timestamp("0001-01-01T00:00:00Z") - duration("1ns")', 'error'],
    ['timestamp("2023-05-28T02:00:00+05:00") == timestamp("2023-05-27T21:00:00Z")', true],
    ['(timestamp("2023-05-28T02:00:00+05:00") + duration("1h")).getHours()', 3],
  ]);
});

describe('math', () => {
  table([
    ['math.least(3, 1.5, 2u)', 1.5],
    ['math.greatest([])', 'error'],
    ['math.greatest("a")', 'error'],
    ['math.round(-2.5)', -3],
    ['math.round(0.49999999999999994)', 0],
    ['math.trunc(-1.7)', -1],
    ['math.abs(-9223372036854775808)', 'error'],
    ['math.abs(-9007199254740993)', 9007199254740993n],
    ['math.sign(-3.5)', -1],
    ['math.sqrt(16u)', 4],
    ['math.isNaN(0.0 / 0.0)', true],
    ['math.bitNot(0)', -1],
    ['math.bitNot(0u)', 18446744073709551615n],
    ['math.bitXor(5, -1)', -6],
    ['math.bitAnd(1, 1u)', 'error'],
    ['math.bitShiftLeft(1, 63)', -9223372036854775808n],
    ['math.bitShiftLeft(1, -1)', 'error'],
    ['math.bitOr(b"\\x01\\x00", 2u) == b"\\x01\\x02"', true],
    ['math.bitOr(b"\\x01", -2)', 'error'],
    ['max(1, 2u, 1.5)', 2],
    ['min(["b", "a"])', 'a'],
  ]);

  test('the least and greatest keep their kind', () => {
    expect(typeOfResult('math.greatest(1, 2u)')).toBe('uint');
    expect(typeOfResult('math.sqrt(4)')).toBe('double');
    expect(typeOfResult('size("a")')).toBe('int');
  });
});

describe('network', () => {
  table([
    ['isIP("::1") && isIP("1.2.3.4") && !isIP("1.2.3") && !isIP("01.2.3.4") && !isIP("fe80::1%eth0")', true],
    ['ip("::1").family()', 6],
    ['ip("1.2.3.4").family()', 4],
    ['ip("0.0.0.0").isUnspecified() && ip("::").isUnspecified()', true],
    ['ip("127.9.9.9").isLoopback() && ip("::1").isLoopback() && !ip("::2").isLoopback()', true],
    ['ip("224.0.0.9").isLinkLocalMulticast() && ip("ff02::1").isLinkLocalMulticast()', true],
    ['ip("224.0.1.9").isLinkLocalMulticast() || ip("ff05::1").isLinkLocalMulticast()', false],
    ['ip("169.254.1.1").isLinkLocalUnicast() && ip("fe80::1").isLinkLocalUnicast()', true],
    ['ip("255.255.255.255").isGlobalUnicast() || ip("239.1.1.1").isGlobalUnicast()', false],
    ['ip("fd00::1").isGlobalUnicast() || ip("ff0e::1").isGlobalUnicast()', false],
    ['ip("2001:db8::1").isGlobalUnicast()', true],
    ['ip("2001:DB8:0::1") == ip("2001:db8::1")', true],
    ['toJson([ip("::ffff:1.2.3.4"), cidr("10.0.0.1/8")])', '["::ffff:1.2.3.4","10.0.0.1/8"]'],
    ['string(ip("1.2.3.4"))', 'error'],
    ['cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8")', true],
    ['cidr("2001:db8:ffff::/33").masked() == cidr("2001:db8:8000::/33")', true],
    ['cidr("10.0.0.0/8").prefixLength() == 8u', true],
    ['cidr("10.0.0.0/8").containsCIDR(cidr("10.2.0.0/16"))', true],
    ['cidr("10.2.0.0/16").containsCIDR(cidr("10.0.0.0/8"))', false],
    ['cidr("10.0.0.0/9").containsIP("10.128.0.1") || cidr("10.0.0.0/8").containsIP("::1")', false],
    ['cidr("0.0.0.0/0").containsIP("255.1.1.1")', true],
    ['cidr("10.0.0.0/8").containsIP("x")', 'error'],
    ['cidr("10.0.0.0/33")', 'error'],
    ['cidr("10.0.0.0/8").ip() == ip("10.0.0.0")', true],
    ['type(ip("::1")) == type(cidr("::/0"))', false],
  ]);
});

describe('encodings', () => {
  table([
    ['base64.encode("hi")', 'aGk='],
    ['base64.decode("aGk") == b"hi" && base64Decode("aGk=") == b"hi"', true],
    ['base64.decode("a-_=")', 'error'],
    ['url.encode("é~-._")', '%C3%A9~-._'],
    ['url.encode("!\'()*a") == url.encode(b"!\'()*a") && url.encode("!") == "%21"', true],
    ['url.decode("%C3%A9%zz")', 'é%zz'],
    ['form.decode("a=%26%3D&&b&=c&%zz=1")', { a: '&=', b: '', '': 'c', '%zz': '1' }],
    ['form.encode({"a b": true, "n": 1u, "b": b"hi"})', 'a+b=true&b=aGk%3D&n=1'],
    ['form.encode({"a": 1.5})', 'error'],
    ['form.encode({"a": {"b": 1}})', 'error'],
    ['sha1.encode("hello")', 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d'],
    ['md5.encode(b"hello")', '5d41402abc4b2a76b9719d911017c592'],
    ['json(b"[1]")', [1]],
    ['json("")', 'error'],
    [
      'toJson({"b": 1, "a": [null, 1.5, 2u, "x", duration("1.5s"), timestamp(0)]})',
      '{"b":1,"a":[null,1.5,2,"x","1.5s","1970-01-01T00:00:00Z"]}',
    ],
    ['toJson([0.0 / 0.0, 9223372036854775807])', '[null,9223372036854775807]'],
    ['toJson({1: "a", true: "b"})', '{"1":"a","true":"b"}'],
  ]);
});
