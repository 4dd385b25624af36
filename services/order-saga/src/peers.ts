import { toError } from '@millrace/core'
import type { ServiceApp } from '@millrace/runtime'
import type { InstanceMetadata, OtherAnswer, OtherRequest, StreamsApp } from '@millrace/streams'
import { applicationId } from './topology/saga-topology.ts'

/** What one instance asks another. */
export interface PeerQuestion {
  readonly method: 'GET' | 'POST'
  /** Below `/api/streams/order-saga`, from its slash on; empty for that itself. */
  readonly path: string
  /** In whose name: the other one finds out for itself whether they may. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Longest wait for an answer, ms. */
  readonly timeoutMs: number
}

/** What another instance answered, or why it did not, for people. */
export type PeerAnswer =
  | { readonly instance: InstanceMetadata; readonly body: unknown }
  | { readonly instance: InstanceMetadata; readonly problem: string }

const basePath = `/api/streams/${applicationId}`
/** Of these an answer is that of one instance alone, so that nobody asks on. */
const askedOfPeers = new Set([basePath, `${basePath}/pause`, `${basePath}/resume`])
const ofOneInstance = 'scope=instance'
const maxAnswerBytes = 4_194_304

/** Asks all instances but this one, at the addresses that the group tells. Never rejects. Empty while the group has told nothing. */
export async function askPeers(
  app: StreamsApp | undefined,
  question: PeerQuestion,
): Promise<readonly PeerAnswer[]> {
  if (!app) return []
  const others = app.allMetadata.filter(({ processId }) => processId !== app.processId)
  return Promise.all(others.map((instance) => askPeer(instance, question)))
}

/**
 * Answers what other instances ask: through the routes of the service, which check who is behind it as if it came by the front door. For the query
 * server, whose address is the one that the group tells.
 */
export async function answerPeer(
  service: ServiceApp,
  { method, path, headers, body }: OtherRequest,
): Promise<OtherAnswer | undefined> {
  const [pathname = '', query] = path.split('?', 2)
  if (!askedOfPeers.has(pathname) || query !== ofOneInstance) return undefined
  if (method !== 'GET' && method !== 'POST') return undefined
  const answer = await service.inject({
    method,
    url: path,
    headers: passedOn(headers),
    ...(method === 'POST' && { payload: body }),
  })
  const type = answer.headers['content-type']
  return {
    status: answer.statusCode,
    headers: { 'content-type': typeof type === 'string' ? type : 'application/json' },
    body: answer.body,
  }
}

async function askPeer(
  instance: InstanceMetadata,
  { method, path, headers, body, timeoutMs }: PeerQuestion,
): Promise<PeerAnswer> {
  const { applicationServer } = instance
  if (applicationServer === undefined) return { instance, problem: 'It has told no address.' }
  try {
    const response = await fetch(`http://${applicationServer}${basePath}${path}?${ofOneInstance}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const told = JSON.parse(await limitedText(response)) as unknown
    return response.ok
      ? { instance, body: told }
      : { instance, problem: `It refused: ${detailOf(told) ?? `status ${response.status}`}` }
  } catch (error) {
    return { instance, problem: `It did not answer: ${whyOf(toError(error))}` }
  }
}

function detailOf(told: unknown): string | undefined {
  const { detail } = (told ?? {}) as Readonly<Record<string, unknown>>
  return typeof detail === 'string' ? detail.slice(0, 500) : undefined
}

/** Of a fetch that failed, the cause says more. */
function whyOf({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}

const passedHeaders = [
  'content-type',
  'x-identity',
  'x-user-id',
  'x-user-roles',
  'x-correlation-id',
  'traceparent',
] as const

function passedOn(headers: OtherRequest['headers']): Record<string, string> {
  return Object.fromEntries(
    passedHeaders.flatMap((name) => {
      const value = headers[name]
      return typeof value === 'string' ? [[name, value] as const] : []
    }),
  )
}

async function limitedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of response.body ?? []) {
    sizeBytes += part.length
    if (sizeBytes > maxAnswerBytes) throw new Error(`more than ${maxAnswerBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
