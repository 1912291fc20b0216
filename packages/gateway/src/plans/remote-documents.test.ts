import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { TestClock } from '../../../http/src/test-clock.ts';
import type { Callout } from '../pipeline/callout.ts';
import type { DocumentReader } from '../pipeline/remote-document.ts';
import { noPorts } from '../policies/testing.ts';
import { remoteSource } from '../resources/remote-source.ts';
import { Releases } from './releases.ts';
import { RemoteDocuments } from './remote-documents.ts';

const reader: DocumentReader<string> = { kind: 'Jwks', parse: (text) => text };

/** Documents whose servers answer with the URL they were asked for. */
class Fixture {
  readonly timers = new TestClock();
  readonly documents = new RemoteDocuments({ timers: this.timers, epoch: () => 0, log: noPorts.log });
  readonly asked: string[] = [];

  hold(url: string, releases: Releases, kind: DocumentReader<string>['kind'] = 'Jwks') {
    const callout: Callout = {
      name: '',
      authority: '',
      send: ({ authority, path }) => {
        this.asked.push(authority + path);
        return Promise.resolve(new Response(200, new Headers(), Buffer.from(authority + path)));
      },
    };
    return this.documents.hold(
      remoteSource(url),
      { ...reader, kind },
      { callout: () => callout, onRelease: (release) => releases.add(release) },
    );
  }
}

test('whoever wants the same has the same, until nobody wants it', async () => {
  const fixture = new Fixture();
  const [before, after] = [new Releases(), new Releases()];
  const first = fixture.hold('http://a.test/keys', before);
  expect(fixture.hold('http://a.test/keys', after)).toBe(first);
  await first.ready();
  expect([first.current, fixture.asked]).toEqual(['a.test/keys', ['a.test/keys']]);
  before.run(() => {});
  expect([fixture.documents.size, fixture.timers.pending]).toEqual([1, 1]);
  after.run(() => {});
  expect([fixture.documents.size, fixture.timers.pending]).toEqual([0, 0]);
  // What was let go is fetched anew.
  const again = fixture.hold('http://a.test/keys', new Releases());
  expect(again).not.toBe(first);
});

test('another place, another way to it, or another purpose is another document', () => {
  const fixture = new Fixture();
  const releases = new Releases();
  fixture.hold('http://a.test/keys', releases);
  fixture.hold('http://a.test/other', releases);
  fixture.hold('https://a.test/keys', releases);
  fixture.hold('http://a.test/keys', releases, 'Oidc');
  expect(fixture.documents.size).toBe(4);
  releases.run(() => {});
  expect(fixture.documents.size).toBe(0);
});

test('what a policy asks for when it is released already is let go at once', async () => {
  const fixture = new Fixture();
  const releases = new Releases();
  releases.run(() => {});
  fixture.hold('http://a.test/keys', releases);
  await fixture.timers.advance(0);
  expect([fixture.documents.size, fixture.timers.pending]).toEqual([0, 0]);
});
