/**
 * Where this codec and llhttp (inside `node:http`) disagree about a message, and why. The differential test fails on any
 * disagreement that is not listed here.
 */

/** Refused here, accepted by llhttp: our reason for refusing → why. */
export const stricter: Readonly<Record<string, string>> = {
  'invalid character in head': 'llhttp reads past any number of CR and LF before a message',
  'invalid request line': 'the same: one empty line is the relic that RFC 9112 §2.2 speaks of, two are not',
  'invalid method': 'the same, with a lone LF',
  'invalid status line': 'the same, before a response, where the RFC allows none',
  'invalid HTTP version': 'the same, with lone LFs',
  'invalid reason phrase': 'control characters have no place in a reason (RFC 9112 §4)',
  'invalid status code': 'a status below 100 is none (RFC 9110 §15)',
  'invalid host': 'llhttp does not look at the value of Host',
  'invalid request target': 'asterisk-form is for OPTIONS only (RFC 9112 §3.2.4)',
  'transfer-encoding in HTTP/1.0':
    'HTTP/1.0 has no transfer codings; whoever sends one is framed differently by others (RFC 9112 §6.1)',
  'unsupported transfer-encoding':
    'llhttp reads a response with an unknown coding until the end; what is passed on would not be its content',
  'repeated transfer-encoding': 'the same, in several lines',
};

/** Accepted here, refused by llhttp: its error code and reason → why. */
export const looser: Readonly<Record<string, string>> = {
  'HPE_CLOSED_CONNECTION: Data after `Connection: close`':
    'bytes behind the last message are not read, instead of being an error',
  'HPE_INVALID_METHOD: Invalid method encountered': 'llhttp knows a list of methods; any token is one (RFC 9110 §9.1)',
  'HPE_INVALID_METHOD: Expected space after method': 'the same, where the name begins like a method that is known',
  'HPE_INVALID_CONSTANT: Expected HTTP/, RTSP/ or ICE/':
    'bytes behind a response end the connection, after the response was delivered',
  "HPE_INVALID_TRANSFER_ENCODING: Transfer-Encoding can't be present with Content-Length":
    'a 204 or 304 ends with its head whatever that says (RFC 9112 §6.3, rule 1); elsewhere both refuse',
  "HPE_INVALID_CONTENT_LENGTH: Content-Length can't be present with Transfer-Encoding": 'the same, in the other order',
};

/** Accepted by both as different messages, if the text contains this → why. */
export const different: Readonly<Record<string, string>> = {
  'chunked\t':
    'llhttp takes a tab behind a value for a part of it; it is white space around the value (RFC 9110 §5.6.3)',
};
