import { Agent, request } from 'node:http'

export interface JsonAnswer<T> {
  readonly status: number
  readonly body: T
}

/** An answer that takes longer is an error, ms. */
const timeoutMs = 60_000

/** JSON over connections that are kept open, by Node's own client: it costs a fraction of what `fetch` does, and is used by load and peer alike. */
export class JsonClient implements Disposable {
  readonly #agent: Agent

  constructor(maxConnections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: maxConnections })
  }

  get<T>(url: string, headers: Readonly<Record<string, string>>): Promise<JsonAnswer<T>> {
    return this.#send('GET', url, headers)
  }

  post<T>(
    url: string,
    body: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<JsonAnswer<T>> {
    return this.#send('POST', url, headers, JSON.stringify(body))
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #send<T>(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<JsonAnswer<T>> {
    return new Promise((resolve, reject) => {
      const content =
        body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const options = {
        method,
        agent: this.#agent,
        timeout: timeoutMs,
        headers: { ...headers, ...content },
      }
      const sent = request(url, options, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => (text += part))
        answer.on('error', reject)
        answer.once('end', () => {
          const { statusCode: status = 0 } = answer
          const body = parsed(text)
          if (body === undefined) reject(new Error(`${method} ${url}: ${status} ${text}`))
          else resolve({ status, body: body as T })
        })
      })
      sent.once('timeout', () =>
        sent.destroy(new Error(`${method} ${url}: no answer in ${timeoutMs} ms`)),
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
