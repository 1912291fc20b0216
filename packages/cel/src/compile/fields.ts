const words = (text: string): readonly string[] => text.split(' ');

/**
 * The fields of those variables that always have the same ones (spec 04 §4), so that a misspelled one is noticed when it is written
 * rather than by a rule that never holds.
 */
export const knownFields: ReadonlyMap<string, readonly string[]> = new Map([
  ['request', words('method uri path pathAndQuery host scheme version headers body bodyPrefix startTime endTime')],
  ['response', words('code grpcStatus headers body bodyPrefix')],
  [
    'source',
    words(
      'address port rawAddress rawPort identity spiffeId subjectAltNames issuer subject subjectCn certificate ' +
        'unverifiedWorkload connectHeaders',
    ),
  ],
  ['destination', words('address port hostname')],
  ['basicAuth', words('username')],
  ['backend', words('name type protocol')],
  ['env', words('podName namespace gateway')],
  ['proxy', words('bind gateway listener route requestProcessingDuration upstreamDuration responseProcessingDuration')],
  ['mcp', words('tool prompt resource task methodName sessionId')],
  [
    'llm',
    words(
      'streaming requestModel responseModel provider serviceTier inputTokens providerInputTokens inputImageTokens ' +
        'inputTextTokens inputAudioTokens cachedInputTokens cacheCreationInputTokens outputTokens outputImageTokens ' +
        'outputTextTokens outputAudioTokens reasoningTokens totalTokens providerTotalTokens countTokens ' +
        'timeToFirstToken timePerOutputToken prompt completion toolCalls params cost costRates',
    ),
  ],
]);
