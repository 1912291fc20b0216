/** `frontendPolicies.http` as a resource; times in milliseconds, sizes in bytes, absent is the default (spec 02 §2.6). */
export interface FrontendHttpSpec {
  readonly maxBufferSize?: number;
  readonly http1MaxHeaders?: number;
  readonly http1IdleTimeout?: number;
  readonly http1HeaderCase?: 'lowercase' | 'preserve';
  readonly http2WindowSize?: number;
  readonly http2ConnectionWindowSize?: number;
  readonly http2FrameSize?: number;
  readonly http2MaxHeaderSize?: number;
  readonly http2KeepaliveInterval?: number;
  readonly http2KeepaliveTimeout?: number;
  readonly maxConnectionDuration?: number;
}
