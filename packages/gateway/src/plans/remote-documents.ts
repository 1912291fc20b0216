import type { Callout } from '../pipeline/callout.ts';
import { FetchedDocument, type FetchPorts } from '../pipeline/fetched-document.ts';
import type { DocumentReader, RemoteDocument } from '../pipeline/remote-document.ts';
import type { Ports } from '../pipeline/step.ts';
import type { RemoteSource } from '../resources/remote-source.ts';

interface Shared {
  readonly document: FetchedDocument<unknown>;
  holders: number;
}

/**
 * The documents that a worker's policies hold. Policies that want the same share it, and a policy that is compiled again finds it as
 * it was: a change of the configuration fetches nothing that is there already.
 */
export class RemoteDocuments {
  readonly #ports: FetchPorts;
  readonly #shared = new Map<string, Shared>();

  constructor(ports: FetchPorts) {
    this.#ports = ports;
  }

  /** Documents that are held. */
  get size(): number {
    return this.#shared.size;
  }

  /** Those that nobody could fetch so far, a line each: requests that need them are answered with 503. */
  get missing(): readonly string[] {
    const documents = [...this.#shared.values()].map(({ document }) => document);
    return documents.flatMap(({ current, place, failure }) =>
      current === null ? `${place} (${failure ?? 'not fetched yet'})` : [],
    );
  }

  /** Holds a document until the release; the last one that lets go ends the fetching. */
  hold<T>(
    source: RemoteSource,
    reader: DocumentReader<T>,
    ports: { readonly callout: () => Callout; readonly onRelease: Ports['onRelease'] },
  ): RemoteDocument<T> {
    const key = JSON.stringify([reader.kind, source]);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = { document: new FetchedDocument<unknown>(source.url, ports.callout(), reader, this.#ports), holders: 0 };
      this.#shared.set(key, shared);
    }
    const held = shared;
    held.holders++;
    ports.onRelease(() => {
      held.holders--;
      if (held.holders > 0) return;
      this.#shared.delete(key);
      held.document.close();
    });
    // Documents of one kind have one form.
    return held.document as RemoteDocument<unknown> as RemoteDocument<T>;
  }
}
