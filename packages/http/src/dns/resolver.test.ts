import dgram from 'node:dgram';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { TestClock, turn } from '../test-clock.ts';
import { HostsFile, parseHosts } from './hosts-file.ts';
import { addressOf, normalizeName } from './name.ts';
import { type AddressSet, Dns, type DnsError, type DnsOptions } from './resolver.ts';
import { type Answer, type DnsQuery, parseSearchRules, SystemDns } from './system.ts';

/** Name servers as a table; `null` stands for a server that does not answer. */
class FakeQuery implements DnsQuery {
  readonly asked: string[] = [];
  readonly records: Record<string, Answer | null>;
  constructor(records: Record<string, Answer | null>) {
    this.records = records;
  }
  async query(name: string, family: 4 | 6): Promise<Answer> {
    const question = `${name} ${family}`;
    this.asked.push(question);
    const answer = this.records[question];
    if (answer === null) throw Object.assign(new Error('timeout'), { code: 'ETIMEOUT' });
    return answer ?? { addresses: [], ttl: 0 };
  }
}

const noHosts = new HostsFile('/nonexistent');
const plain = { search: [], ndots: 1 };

function dnsOf(records: Record<string, Answer | null>, options: DnsOptions = {}) {
  const clock = new TestClock();
  const query = new FakeQuery(records);
  const dns = new Dns({ query, clock, hosts: noHosts, search: plain, family: 'V4Only', ...options });
  return { clock, query, dns };
}

/** The next address, as a user of the set takes it. */
const next = (set: AddressSet): string => set.addresses[set.next()] as string;

function failure(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as DnsError).code;
  }
}

describe('answers', () => {
  test('are handed out in turn, and at once when they are known', async () => {
    const { dns, query } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1', '10.0.0.2'], ttl: 60 } });
    const first = dns.lookup('a.test');
    expect(first).toBeInstanceOf(Promise);
    const set = await first;
    expect([next(set), next(set), next(set)]).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1']);
    expect(dns.lookup('a.test')).toBe(set);
    expect(query.asked).toEqual(['a.test 4']);
  });

  test('one question serves all who ask at the same time', async () => {
    const { dns, query } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1'], ttl: 60 } });
    const sets = await Promise.all([dns.lookup('a.test'), dns.lookup('A.test'), dns.lookup('a.test')]);
    expect(new Set(sets).size).toBe(1);
    expect(query.asked.length).toBe(1);
  });

  test.each([
    ['V4Only', ['a.test 4']],
    ['V6Only', ['a.test 6']],
    ['V4Preferred', ['a.test 4', 'a.test 6']],
    ['All', ['a.test 4', 'a.test 6']],
  ] as const)('%s asks for %j where nothing is found', async (family, asked) => {
    const { dns, query } = dnsOf({}, { family });
    await expect(dns.lookup('a.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(query.asked).toEqual(asked);
  });

  test.each([
    ['V4Only', ['10.0.0.1']],
    ['V6Only', ['::7']],
    ['V4Preferred', ['10.0.0.1']],
    ['All', ['10.0.0.1', '::7']],
  ] as const)('%s takes %j', async (family, addresses) => {
    const records = { 'a.test 4': { addresses: ['10.0.0.1'], ttl: 60 }, 'a.test 6': { addresses: ['::7'], ttl: 60 } };
    expect((await dnsOf(records, { family }).dns.lookup('a.test')).addresses).toEqual(addresses);
  });

  test.each(['V4Preferred', 'All'] as const)('%s does with one family if the other does not answer', async (family) => {
    const { dns } = dnsOf({ 'a.test 4': null, 'a.test 6': { addresses: ['::7'], ttl: 60 } }, { family });
    expect((await dns.lookup('a.test')).addresses).toEqual(['::7']);
  });

  test('short names are searched for as resolv.conf says', async () => {
    const { dns, query } = dnsOf(
      { 'web.ns.svc 4': { addresses: ['10.0.0.1'], ttl: 60 } },
      { search: parseSearchRules('search x.test ns.svc.\noptions timeout:1 ndots:5\n') },
    );
    expect((await dns.lookup('web')).addresses).toEqual(['10.0.0.1']);
    expect(query.asked).toEqual(['web.x.test 4', 'web.ns.svc 4']);
    await expect(dns.lookup('web.')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(query.asked.slice(2)).toEqual(['web. 4']);
  });
});

describe('age', () => {
  test('a name that is used is asked again when its time is over; the old answer serves meanwhile', async () => {
    const { dns, query, clock } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1'], ttl: 30 } });
    await dns.lookup('a.test');
    dns.lookup('a.test');
    query.records['a.test 4'] = { addresses: ['10.0.0.9'], ttl: 30 };
    await clock.advance(29_999);
    expect(query.asked.length).toBe(1);
    await clock.advance(1);
    expect(query.asked.length).toBe(2);
    expect((dns.lookup('a.test') as AddressSet).addresses).toEqual(['10.0.0.9']);
  });

  test('one that nobody uses is dropped', async () => {
    const { dns, query, clock } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1'], ttl: 30 } });
    await dns.lookup('a.test');
    await clock.advance(30_000);
    expect([dns.size, query.asked.length, clock.pending]).toEqual([0, 1, 0]);
  });

  test('a short time to live counts as five seconds', async () => {
    const { dns, query, clock } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1'], ttl: 0 } });
    await dns.lookup('a.test');
    dns.lookup('a.test');
    await clock.advance(4_999);
    expect(query.asked.length).toBe(1);
    await clock.advance(1);
    expect(query.asked.length).toBe(2);
  });

  test('a refresh that brings the same addresses keeps their turn', async () => {
    const { dns, query, clock } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1', '10.0.0.2'], ttl: 5 } });
    expect(next(await dns.lookup('a.test'))).toBe('10.0.0.1');
    dns.lookup('a.test');
    query.records['a.test 4'] = { addresses: ['10.0.0.2', '10.0.0.1'], ttl: 5 };
    await clock.advance(5_000);
    expect(next(dns.lookup('a.test') as AddressSet)).toBe('10.0.0.2');
  });

  test('PROXY-62: the last good answer stays while refreshes fail, ever more rarely', async () => {
    const { dns, query, clock } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1'], ttl: 5 } });
    await dns.lookup('a.test');
    query.records['a.test 4'] = null;
    const waits = [5_000, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
    for (const [refreshes, wait] of waits.entries()) {
      expect((dns.lookup('a.test') as AddressSet).addresses).toEqual(['10.0.0.1']);
      await clock.advance(wait - 1);
      expect(query.asked.length).toBe(1 + refreshes);
      await clock.advance(1);
      expect(query.asked.length).toBe(2 + refreshes);
    }
    query.records['a.test 4'] = { addresses: ['10.0.0.2'], ttl: 60 };
    dns.lookup('a.test');
    await clock.advance(5_000);
    expect((dns.lookup('a.test') as AddressSet).addresses).toEqual(['10.0.0.2']);
  });

  test('a first failure is remembered while it backs off, then asked again', async () => {
    const { dns, query, clock } = dnsOf({ 'a.test 4': null });
    await expect(dns.lookup('a.test')).rejects.toMatchObject({ code: 'ETIMEOUT', host: 'a.test' });
    expect(failure(() => dns.lookup('a.test'))).toBe('ETIMEOUT');
    expect(query.asked.length).toBe(1);
    query.records['a.test 4'] = { addresses: ['10.0.0.1'], ttl: 60 };
    await clock.advance(200);
    expect((dns.lookup('a.test') as AddressSet).addresses).toEqual(['10.0.0.1']);
  });

  test('names are bounded in number, the oldest goes', async () => {
    const records = Object.fromEntries(
      Array.from({ length: 5 }, (_, i) => [`n${i}.test 4`, { addresses: ['10.0.0.1'], ttl: 60 }]),
    );
    const { dns, query, clock } = dnsOf(records, { maxEntries: 3 });
    for (let i = 0; i < 5; i++) await dns.lookup(`n${i}.test`);
    expect([dns.size, clock.pending]).toEqual([3, 3]);
    dns.lookup('n4.test');
    expect(query.asked.length).toBe(5);
    await dns.lookup('n0.test');
    expect(query.asked.length).toBe(6);
  });

  test('closing leaves no timer', async () => {
    const { dns, clock } = dnsOf({ 'a.test 4': { addresses: ['10.0.0.1'], ttl: 60 } });
    await dns.lookup('a.test');
    dns.close();
    expect(clock.pending).toBe(0);
    expect(failure(() => dns.lookup('a.test'))).toBe('ECANCELLED');
  });
});

describe('what nobody is asked for', () => {
  test.each([
    ['127.0.0.1', ['127.0.0.1']],
    ['::1', ['::1']],
    ['[::1]', ['::1']],
    ['localhost', ['127.0.0.1', '::1']],
    ['LocalHost.', ['127.0.0.1', '::1']],
    ['app.localhost', ['127.0.0.1', '::1']],
  ])('%s', (host, addresses) => {
    const { dns, query } = dnsOf({}, { family: 'All' });
    const set = dns.lookup(host) as AddressSet;
    expect(set.addresses).toEqual(addresses);
    expect([next(set), next(set)]).toEqual([addresses[0], addresses[0]]);
    expect(query.asked).toEqual([]);
  });

  test.each([
    '',
    '.',
    'a..b',
    '-a.test',
    'a-.test',
    'exa mple',
    'a\0b',
    'a/b',
    'a:1',
    '127.1',
    '1.2.3.4.5',
    'x'.repeat(64),
    `${'abc.'.repeat(64)}d`,
    'a\r\nb',
  ])('%j is no name', (host) => {
    const { dns, query } = dnsOf({});
    expect(failure(() => dns.lookup(host))).toBe('EBADNAME');
    expect([query.asked, dns.size]).toEqual([[], 0]);
  });

  test('names of other scripts become A-labels', () => {
    expect(normalizeName('MÜnchen.DE')).toBe('xn--mnchen-3ya.de');
    expect(normalizeName('_srv.Example.com.')).toBe('_srv.example.com.');
    expect(addressOf('[::1')).toBe(null);
  });
});

describe('the hosts file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hosts-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('is read as it is written', () => {
    const names = parseHosts('127.0.0.1 localhost Me.test # us\n\n# 1.1.1.1 no\n::1\tme.test\nbad line\n10.0.0.1\n');
    expect([...names]).toEqual([
      ['localhost', ['127.0.0.1']],
      ['me.test', ['127.0.0.1', '::1']],
    ]);
  });

  test('comes before name servers, and is read again when it changes', async () => {
    const path = join(directory, 'hosts');
    writeFileSync(path, '10.0.0.1 a.test\n10.0.0.2 a.test\n');
    const clock = new TestClock();
    const { dns, query } = dnsOf({}, { hosts: new HostsFile(path, clock), clock });
    const set = dns.lookup('a.test') as AddressSet;
    expect([next(set), next(dns.lookup('a.test') as AddressSet)]).toEqual(['10.0.0.1', '10.0.0.2']);
    writeFileSync(path, '10.0.0.7 a.test\n');
    utimesSync(path, 1, 1);
    await clock.advance(1_000);
    expect((dns.lookup('a.test') as AddressSet).addresses).toEqual(['10.0.0.7']);
    rmSync(path);
    await clock.advance(1_000);
    await expect(dns.lookup('a.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(query.asked).toEqual(['a.test 4']);
  });
});

describe('a real name server', () => {
  /** Answers A questions from a table; unknown names are NXDOMAIN, `null` is SERVFAIL. */
  async function nameServer(table: Record<string, { addresses: string[]; ttl: number } | null>) {
    const socket = dgram.createSocket('udp4');
    const asked: string[] = [];
    socket.on('message', (question, from) => {
      let at = 12;
      const labels: string[] = [];
      for (let size = question[at] as number; size > 0; size = question[at] as number) {
        labels.push(question.toString('latin1', at + 1, at + 1 + size));
        at += size + 1;
      }
      const name = labels.join('.').toLowerCase();
      const type = question.readUInt16BE(at + 1);
      asked.push(`${name} ${type === 1 ? 'A' : 'AAAA'}`);
      const entry = table[name];
      const answers = type === 1 && entry ? entry.addresses : [];
      const head = Buffer.alloc(12);
      question.copy(head, 0, 0, 2);
      head.writeUInt16BE(0x8180 | (entry === null ? 2 : entry === undefined ? 3 : 0), 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt16BE(answers.length, 6);
      const records = answers.map((address) => {
        const record = Buffer.alloc(16);
        record.writeUInt16BE(0xc00c, 0);
        record.writeUInt16BE(1, 2);
        record.writeUInt16BE(1, 4);
        record.writeUInt32BE(entry?.ttl ?? 0, 6);
        record.writeUInt16BE(4, 10);
        for (const [i, part] of address.split('.').entries()) record[12 + i] = Number(part);
        return record;
      });
      socket.send(Buffer.concat([head, question.subarray(12, at + 5), ...records]), from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return { asked, table, server: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
  }

  test('PROXY-62: two A records alternate; a failing server changes nothing; an unknown name is an error', async () => {
    const server = await nameServer({ 'two.test': { addresses: ['127.0.0.1', '127.0.0.2'], ttl: 7 } });
    const clock = new TestClock();
    const query = new SystemDns({ servers: [server.server], timeout: 1_000, tries: 1 });
    const dns = new Dns({ query, clock, hosts: noHosts, search: plain, family: 'V4Preferred' });
    const set = await dns.lookup('two.test');
    expect([next(set), next(set), next(set)].sort()).toHaveLength(3);
    expect(new Set([next(set), next(set)])).toEqual(new Set(['127.0.0.1', '127.0.0.2']));

    dns.lookup('two.test');
    server.table['two.test'] = null;
    const before = server.asked.length;
    await clock.advance(7_000);
    while (server.asked.length === before) await turn();
    await query.query('two.test', 4).catch(() => {});
    await turn();
    expect((dns.lookup('two.test') as AddressSet).addresses.length).toBe(2);

    await expect(dns.lookup('unknown.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    dns.close();
    query.cancel();
    server.close();
  });
});
