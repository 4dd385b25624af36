import type { IncomingMessage } from 'node:http'
import { Transform } from 'node:stream'
import { ProblemError } from '@millrace/runtime'
import { ClientGoneError } from './upstream-problem.ts'

/** The 413 of a body over the limit. */
export function bodyTooLarge(limitBytes: number): ProblemError {
  return new ProblemError(
    413,
    'MR_HTTP_BODY_TOO_LARGE',
    `The body is larger than the ${limitBytes} bytes the gateway passes on.`,
  )
}

/**
 * A request's body to pass on as it comes, ended with an error once it grows over the limit or the client breaks off. It stands
 * between client and upstream so that the HTTP client, which destroys a body it could not send, does not cut off the socket on
 * which the client waits for the problem document.
 */
export function limitedBody(request: IncomingMessage, limitBytes: number): Transform {
  let sizeBytes = 0
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length
      if (sizeBytes > limitBytes) done(bodyTooLarge(limitBytes))
      else done(null, chunk)
    },
  })
  request.once('close', () => {
    if (!request.complete) body.destroy(new ClientGoneError('the client broke off its request'))
  })
  // What nobody reads any more must be read away, or the client never gets to the answer.
  body.once('close', () => request.unpipe(body).resume())
  body.on('error', () => {})
  return request.pipe(body)
}
