import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface JsonRequestOptions {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  /** JSON; none by GET. */
  readonly body?: string | undefined
  /** Longest wait for the whole answer, ms. */
  readonly timeoutMs: number
}

export interface TextAnswer {
  readonly status: number
  readonly text: string
}

// Idle connections are kept open, and keep no process alive.
const plain = { agent: new HttpAgent({ keepAlive: true }), request: httpRequest }
const encrypted = { agent: new HttpsAgent({ keepAlive: true }), request: httpsRequest }

/**
 * One request to another service, by Node's own client, as two of these stand behind every order and `fetch` costs a multiple of it. A request that met a kept connection at the moment the
 * other side gave it up is sent once more on a new one; so this is for requests that may be repeated.
 * @throws Error of the network, or `TimeoutError`
 */
export async function jsonRequest(url: string, options: JsonRequestOptions): Promise<TextAnswer> {
  const signal = AbortSignal.timeout(options.timeoutMs)
  const first = await attempt(url, options, signal, true)
  if (first !== 'connection-gone') return first
  const second = await attempt(url, options, signal, false)
  if (second === 'connection-gone') throw new Error(`${url}: a new connection was reset`)
  return second
}

function attempt(
  url: string,
  { method, headers, body }: JsonRequestOptions,
  signal: AbortSignal,
  isOnKeptConnection: boolean,
): Promise<TextAnswer | 'connection-gone'> {
  const { agent, request } = url.startsWith('https:') ? encrypted : plain
  const content =
    body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const options: RequestOptions = {
    method,
    headers: { ...headers, ...content },
    signal,
    // False: a connection of its own, which ends with the answer.
    agent: isOnKeptConnection ? agent : false,
  }
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (piece: string) => (text += piece))
      answer.on('error', reject)
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      if (isOnKeptConnection && sent.reusedSocket && isGone) resolve('connection-gone')
      else reject(error)
    })
    sent.end(body)
  })
}
