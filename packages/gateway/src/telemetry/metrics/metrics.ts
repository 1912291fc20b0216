import { timePerOutputToken, timeToFirstToken } from '../access-log.ts';
import type { LlmRecord, RequestRecord } from '../record.ts';
import { type Family, type FamilyName, families } from './families.ts';
import { defaultMetricOptions, labelNames, type MetricOptions, removedFamilies } from './options.ts';
import {
  type Histogram,
  HistogramSet,
  LabelTree,
  type LabelValue,
  label,
  OVERFLOW,
  SERIES_LIMIT,
  type Value,
  ValueSet,
} from './series.ts';
import { type FamilySnapshot, familySnapshot, type Series, type Snapshot } from './snapshot.ts';

/** How a connection to an upstream was made. */
export type UpstreamTransport = 'plaintext' | 'tls' | 'tunnel' | 'tunnel-tls';

/** How a client's connection is served. */
export type DownstreamProtocol = 'http' | 'https' | 'tcp' | 'tls';

/** Whose connection it is: labels of the connection metrics. */
export interface ConnectionLabels {
  /** `bind/<port>`. */
  readonly bind: string;
  /** `<namespace>/<name>`; null where no listener was chosen yet. */
  readonly gateway: string | null;
  readonly listener: string | null;
  readonly protocol: DownstreamProtocol;
}

interface RequestSeries {
  readonly labels: readonly string[];
  readonly overflow: boolean;
  readonly requests: Value;
  readonly duration: Histogram;
  /** Of the same backend and route; null where the leaf stands for several. */
  readonly processing: ProcessingSeries | null;
  responseBytes: Value | null;
  retries: Value | null;
}

interface ProcessingSeries {
  readonly labels: readonly string[];
  readonly overflow: boolean;
  request: Histogram | null;
  response: Histogram | null;
}

interface ModelSeries {
  readonly labels: readonly string[];
  readonly overflow: boolean;
  readonly duration: Histogram;
  readonly tokens: { [type in TokenType]: Histogram | null };
  timeToFirstToken: Histogram | null;
  timePerOutputToken: Histogram | null;
}

type TokenType = 'input' | 'output' | 'input_cache_read' | 'input_cache_write';

/**
 * The metrics of one thread (spec 10 §6.2). Counting a request is a walk down a tree of its labels and some additions on plain
 * objects; nothing is shared with other threads, and scrapes merge their snapshots.
 */
export class Metrics {
  readonly #thread: string;
  readonly #options: MetricOptions;
  readonly #removed: ReadonlySet<FamilyName>;
  readonly #values = new Map<FamilyName, ValueSet>();
  readonly #histograms = new Map<FamilyName, HistogramSet>();

  readonly #requests = new LabelTree<RequestSeries>(SERIES_LIMIT);
  readonly #processing = new LabelTree<ProcessingSeries>(SERIES_LIMIT);
  // Four token types share one family.
  readonly #models = new LabelTree<ModelSeries>(SERIES_LIMIT / 4);
  readonly #valueTrees = new Map<FamilyName, LabelTree<Value>>();
  readonly #histogramTrees = new Map<FamilyName, LabelTree<Histogram>>();

  readonly #requestPath: LabelValue[];
  readonly #processingPath: LabelValue[];
  readonly #modelPath: LabelValue[];

  /** `thread` tells the threads' own gauges apart. */
  constructor(thread: string, options: MetricOptions = defaultMetricOptions) {
    const path = (own: number) => new Array<LabelValue>(own + options.labels.length).fill(null);
    this.#thread = thread;
    this.#options = options;
    this.#removed = removedFamilies(options.remove);
    this.#requestPath = path(10);
    this.#processingPath = path(6);
    this.#modelPath = path(8);
  }

  /**
   * Counts one finished request, and its model call if it was one.
   *
   * @param custom Values of the configuration's own labels, in their order; null is unknown.
   */
  observeRequest(record: RequestRecord, custom: readonly LabelValue[] = none): void {
    this.#putCustom(custom);
    const series = this.#requestSeries(record);
    series.requests.value += 1;
    series.duration.observe((record.endedAt - record.startedAt) / 1000);
    if (record.responseBytes > 0) {
      series.responseBytes ??= this.#valueSet('responseBytes').add(series.labels, series.overflow);
      series.responseBytes.value += record.responseBytes;
    }
    if (record.retryAttempt > 0) {
      series.retries ??= this.#valueSet('retries').add(series.labels, series.overflow);
      series.retries.value += record.retryAttempt;
    }
    if (record.upstreamStartedAt > 0) this.#observeProcessing(record, series.processing);
    if (record.llm !== null) this.#observeModel(record, record.llm);
  }

  /** A connection was accepted for serving. */
  connectionOpened(labels: ConnectionLabels): void {
    this.#value('downstreamConnections', connectionPath(labels)).value += 1;
  }

  /** A connection ended; bytes over its whole life, as the wire had them. */
  connectionClosed(labels: ConnectionLabels, received: number, sent: number): void {
    const path = connectionPath(labels);
    this.#value('downstreamReceived', path).value += received;
    this.#value('downstreamSent', path).value += sent;
  }

  /** A client's TLS handshake succeeded after so many milliseconds. */
  tlsHandshake(labels: ConnectionLabels, milliseconds: number): void {
    this.#histogram('tlsHandshake', connectionPath(labels)).observe(milliseconds / 1000);
  }

  /** A new upstream connection stood after so many milliseconds. */
  upstreamConnect(transport: UpstreamTransport, milliseconds: number): void {
    this.#histogram('upstreamConnect', [transport]).observe(milliseconds / 1000);
  }

  /** An outbound call of any kind had its answer after so many milliseconds. */
  upstreamCall(kind: string, subtype: string, milliseconds: number): void {
    this.#histogram('upstreamCall', [kind, subtype]).observe(milliseconds / 1000);
  }

  /** Whether the last load of the configuration succeeded. Of the supervisor only. */
  configSynchronized(synchronized: boolean): void {
    this.set('configSynchronized', [], synchronized ? 1 : 0);
  }

  /** Puts a gauge, or a counter that somebody else counts, to a value. */
  set(family: ScalarFamily, labels: readonly string[], value: number): void {
    this.#value(family, labels).value = value;
  }

  /** Everything counted so far. */
  snapshot(): Snapshot {
    const heap = process.memoryUsage();
    const loop = performance.eventLoopUtilization();
    const thread = [this.#thread];
    this.set('heapUsed', thread, heap.heapUsed);
    this.set('heapTotal', thread, heap.heapTotal);
    this.set('loopActive', thread, loop.active / 1000);
    this.set('loopIdle', thread, loop.idle / 1000);
    return {
      families: (Object.keys(families) as FamilyName[]).flatMap((family): FamilySnapshot[] => {
        const values = this.#values.get(family);
        if (values !== undefined) {
          const series = values.all.map(({ labels, value }): Series => {
            return { labels, cells: Float64Array.of(value), native: null };
          });
          return [familySnapshot({ family, names: values.names, bounds: null }, series)];
        }
        const histograms = this.#histograms.get(family);
        if (histograms === undefined) return [];
        const { names, all, shape } = histograms;
        return [familySnapshot({ family, names, bounds: shape.bounds }, all)];
      }),
    };
  }

  /** Behind the labels that every gateway has. */
  #putCustom(custom: readonly LabelValue[]): void {
    for (let i = 0; i < this.#options.labels.length; i++) {
      const value = custom[i] ?? null;
      this.#requestPath[10 + i] = value;
      this.#processingPath[6 + i] = value;
      this.#modelPath[8 + i] = value;
    }
  }

  #requestSeries(record: RequestRecord): RequestSeries {
    const path = this.#requestPath;
    path[0] = record.backend;
    path[1] = record.protocol;
    path[2] = record.method;
    path[3] = record.status;
    path[4] = record.reason;
    putRoute(path, 5, record);
    return (
      this.#requests.find(path) ??
      this.#requests.insert(path, (overflow) => {
        const labels = overflow ? path.map(() => OVERFLOW) : path.map(label);
        return {
          labels,
          overflow,
          requests: this.#valueSet('requests').add(labels, overflow),
          duration: this.#histogramSet('requestDuration').add(labels, overflow),
          processing: overflow ? null : this.#processingSeries(record),
          responseBytes: null,
          retries: null,
        };
      })
    );
  }

  #processingSeries(record: RequestRecord): ProcessingSeries {
    const path = this.#processingPath;
    path[0] = record.backend;
    putRoute(path, 1, record);
    return (
      this.#processing.find(path) ??
      this.#processing.insert(path, (overflow) => ({
        labels: overflow ? path.map(() => OVERFLOW) : path.map(label),
        overflow,
        request: null,
        response: null,
      }))
    );
  }

  #observeProcessing(record: RequestRecord, known: ProcessingSeries | null): void {
    const series = known ?? this.#processingSeries(record);
    series.request ??= this.#histogramSet('requestProcessing').add(series.labels, series.overflow);
    series.request.observe((record.upstreamStartedAt - record.startedAt) / 1000);
    if (record.upstreamRespondedAt <= 0 || record.respondedAt <= 0) return;
    series.response ??= this.#histogramSet('responseProcessing').add(series.labels, series.overflow);
    series.response.observe((record.respondedAt - record.upstreamRespondedAt) / 1000);
  }

  #observeModel(record: RequestRecord, llm: LlmRecord): void {
    const series = this.#modelSeries(record, llm);
    series.duration.observe((record.endedAt - record.startedAt) / 1000);
    this.#observeTokens(series, 'input', llm.inputTokens);
    this.#observeTokens(series, 'output', llm.outputTokens);
    this.#observeTokens(series, 'input_cache_read', llm.cachedInputTokens);
    this.#observeTokens(series, 'input_cache_write', llm.cacheCreationInputTokens);
    const first = timeToFirstToken(llm, record);
    if (first !== null) {
      series.timeToFirstToken ??= this.#histogramSet('timeToFirstToken').add(series.labels, series.overflow);
      series.timeToFirstToken.observe(first);
    }
    const each = timePerOutputToken(llm, record);
    if (each !== null) {
      series.timePerOutputToken ??= this.#histogramSet('timePerOutputToken').add(series.labels, series.overflow);
      series.timePerOutputToken.observe(each);
    }
  }

  #observeTokens(series: ModelSeries, type: TokenType, count: number | null): void {
    if (count === null) return;
    series.tokens[type] ??= this.#histogramSet('tokenUsage').add([type, ...series.labels], series.overflow);
    series.tokens[type].observe(count);
  }

  #modelSeries(record: RequestRecord, llm: LlmRecord): ModelSeries {
    const path = this.#modelPath;
    path[0] = llm.provider;
    path[1] = llm.requestModel;
    path[2] = llm.responseModel;
    putRoute(path, 3, record);
    return (
      this.#models.find(path) ??
      this.#models.insert(path, (overflow) => {
        // The operation is `chat` whatever it was: dashboards of today select by it.
        const labels = overflow ? new Array<string>(path.length + 1).fill(OVERFLOW) : ['chat', ...path.map(label)];
        return {
          labels,
          overflow,
          duration: this.#histogramSet('modelDuration').add(labels, overflow),
          tokens: { input: null, output: null, input_cache_read: null, input_cache_write: null },
          timeToFirstToken: null,
          timePerOutputToken: null,
        };
      })
    );
  }

  #value(family: ScalarFamily, path: readonly LabelValue[]): Value {
    const tree = entry(this.#valueTrees, family, () => new LabelTree<Value>(SERIES_LIMIT));
    const set = this.#valueSet(family);
    if (path.length === 0) return set.all[0] ?? set.add([]);
    return tree.find(path) ?? tree.insert(path, (overflow) => set.add(labelsOf(path, overflow), overflow));
  }

  #histogram(family: HistogramFamily, path: readonly LabelValue[]): Histogram {
    const tree = entry(this.#histogramTrees, family, () => new LabelTree<Histogram>(SERIES_LIMIT));
    const set = this.#histogramSet(family);
    return tree.find(path) ?? tree.insert(path, (overflow) => set.add(labelsOf(path, overflow), overflow));
  }

  #valueSet(family: ScalarFamily): ValueSet {
    return entry(this.#values, family, () => new ValueSet(this.#names(family), !this.#removed.has(family)));
  }

  #histogramSet(family: HistogramFamily): HistogramSet {
    const { histograms } = this.#options;
    return entry(this.#histograms, family, () => {
      const bounds = histograms === 'native' ? [] : families[family].buckets;
      const shape = { bounds, native: histograms !== 'classic' };
      return new HistogramSet(this.#names(family), !this.#removed.has(family), shape);
    });
  }

  #names(family: FamilyName): readonly string[] {
    return labelNames(families[family] as Family, this.#options.labels);
  }
}

type HistogramFamily = {
  [F in FamilyName]: (typeof families)[F] extends { buckets: readonly number[] } ? F : never;
}[FamilyName];
type ScalarFamily = Exclude<FamilyName, HistogramFamily>;

const none: readonly LabelValue[] = [];

function putRoute(path: LabelValue[], at: number, record: RequestRecord): void {
  path[at] = record.bind;
  path[at + 1] = record.gateway;
  path[at + 2] = record.listener;
  path[at + 3] = record.route;
  path[at + 4] = record.routeRule;
}

function connectionPath({ bind, gateway, listener, protocol }: ConnectionLabels): readonly LabelValue[] {
  return [bind, gateway, listener, protocol];
}

function labelsOf(path: readonly LabelValue[], overflow: boolean): readonly string[] {
  return path.map((value) => (overflow ? OVERFLOW : label(value)));
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
