import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyDelta, mergeDeltas } from './delta.ts';
import type { Backend, Bind, Resource, ResourceDelta, Route } from './model.ts';
import { DuplicateResource, ResourceStore } from './store.ts';
import { sameContent } from './store-equal.ts';

function bind(port: number): Bind {
  return {
    kind: 'bind',
    key: `bind/${port}`,
    host: '::',
    port,
    protocol: 'http',
    tunnelProtocol: 'direct',
    mode: 'standard',
  };
}

function route(key: string, body = 'a'): Route {
  return {
    kind: 'route',
    key,
    listener: 'default',
    name: { namespace: 'default', name: key },
    order: 0,
    hostnames: ['a.example'],
    matches: [{ path: { pathPrefix: `/${key}` }, headers: [], query: [] }],
    backends: [],
    policies: [{ kind: 'directResponse', spec: { status: 200, body } as never }],
  };
}

function backend(name: string): Backend {
  return {
    kind: 'backend',
    key: `/${name}`,
    name: { namespace: '', name },
    target: { type: 'dynamic' },
    policies: [],
  };
}

function load(store: ResourceStore, source: string, resources: readonly Resource[]): ResourceDelta {
  const change = store.replace(source, resources);
  store.commit(change);
  return change.delta;
}

test('a change names what is new, different and gone, and nothing else', () => {
  const store = new ResourceStore();
  load(store, 'file', [bind(80), route('kept'), route('changed'), route('gone')]);
  const delta = load(store, 'file', [bind(80), route('kept'), route('changed', 'b'), route('new')]);
  expect(delta.upserts.map((r) => r.key)).toEqual(['changed', 'new']);
  expect(delta.removals).toEqual([{ kind: 'route', key: 'gone' }]);
});

test('a resource that says the same stays the same object', () => {
  const store = new ResourceStore();
  const first = route('a');
  load(store, 'file', [first]);
  expect(load(store, 'file', [route('a')])).toEqual({ upserts: [], removals: [] });
  expect(store.get('route', 'a')).toBe(first);
});

test('a change that says nothing new makes no version', () => {
  const store = new ResourceStore();
  load(store, 'file', [route('a')]);
  load(store, 'file', [route('a')]);
  expect(store.version).toBe(1);
});

test('nothing happens before the commit', () => {
  const store = new ResourceStore();
  store.replace('file', [route('a')]);
  expect([store.size, store.version]).toEqual([0, 0]);
});

test('a change that is out of date cannot be made', () => {
  const store = new ResourceStore();
  const late = store.replace('file', [route('a')]);
  load(store, 'xds', [route('b')]);
  expect(() => store.commit(late)).toThrow('the store is at 1');
});

test('a key that two sources claim is refused by the name of both', () => {
  const store = new ResourceStore();
  load(store, 'file', [route('a')]);
  expect(() => store.replace('xds', [route('a')])).toThrow(DuplicateResource);
  expect(() => store.replace('xds', [route('a')])).toThrow('route "a" is defined by both file and xds');
  expect(() => store.apply('xds', { upserts: [route('a')], removals: [] })).toThrow('by both file and xds');
  expect(() => store.replace('file', [route('b'), route('b')])).toThrow('route "b" is defined twice by file');
});

test('the same key may stand for two kinds', () => {
  const store = new ResourceStore();
  load(store, 'file', [route('/x'), backend('x')]);
  expect(store.size).toBe(2);
});

test('a source replaces and removes only what is its own', () => {
  const store = new ResourceStore();
  load(store, 'file', [route('a')]);
  load(store, 'xds', [route('b')]);
  load(store, 'file', []);
  expect(store.snapshot().map((r) => r.key)).toEqual(['b']);
  store.commit(store.apply('file', { upserts: [], removals: [{ kind: 'route', key: 'b' }] }));
  expect(store.size).toBe(1);
});

test('a snapshot lists parents first, then by key, whatever the order in which things came', () => {
  const store = new ResourceStore();
  load(store, 'file', [backend('z'), route('b'), bind(80), route('a')]);
  expect(store.snapshot().map((r) => r.key)).toEqual(['bind/80', 'a', 'b', '/z']);
  expect(store.snapshot()).toBe(store.snapshot());
});

const key = fc.constantFrom('a', 'b', 'c', 'd');
const someDelta = fc.record({
  upserts: fc.uniqueArray(fc.tuple(key, fc.constantFrom('1', '2')), { selector: ([k]) => k }),
  removals: fc.uniqueArray(key),
});

test('property: following the deltas leads to the same state as the store, and merged deltas do what single ones do', () => {
  fc.assert(
    fc.property(fc.array(someDelta, { maxLength: 8 }), (steps) => {
      const store = new ResourceStore();
      const merging = new ResourceStore();
      let follower: Resource[] = [];
      let merged: ResourceDelta = { upserts: [], removals: [] };
      for (const step of steps) {
        const delta = {
          upserts: step.upserts.map(([k, body]) => route(k, body)),
          removals: step.removals.map((k) => ({ kind: 'route' as const, key: k })),
        };
        const change = store.apply('s', delta);
        store.commit(change);
        follower = applyDelta(follower, change.delta);
        merged = mergeDeltas(merged, delta);
      }
      merging.commit(merging.apply('s', merged));
      expect(follower.sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(store.snapshot());
      expect(merging.snapshot()).toEqual(store.snapshot());
    }),
  );
});

test('equality is that of JSON: order of fields and undefined ones do not count, order of lists does', () => {
  expect(sameContent({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1, d: undefined })).toBe(true);
  expect(sameContent({ a: undefined, b: 1 }, { b: 1 })).toBe(true);
  expect(sameContent([1, 2], [2, 1])).toBe(false);
  expect(sameContent([], {})).toBe(false);
  expect(sameContent({ toString: 1 }, {})).toBe(false);
  expect(sameContent({}, { toString: 1 })).toBe(false);
  expect(sameContent({ a: null }, {})).toBe(false);
});

test('property: equality agrees with canonical JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(sameContent(a, structuredClone(a))).toBe(true);
      expect(sameContent(a, b)).toBe(canonical(a) === canonical(b));
    }),
  );
});

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}
