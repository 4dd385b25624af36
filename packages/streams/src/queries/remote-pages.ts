import { StreamsError, streamsErrors, type StreamsErrorCode } from '../errors.ts'
import { maxPageJsonBytes, readPageJson, requestJson } from './page-json.ts'
import type { Page, PageRequest } from './store-read.ts'

/** Beyond the time that the other instance may wait, ms. */
const travelMs = 1_000

/**
 * A page from the query server of another instance.
 * @throws StreamsError what the other instance answers, or `MR_STREAMS_INSTANCE_UNREACHABLE`
 */
export async function remotePage(
  applicationServer: string,
  applicationId: string,
  request: PageRequest,
): Promise<Page> {
  const signal = AbortSignal.timeout(request.timeoutMs + travelMs)
  let text: string
  let isPage: boolean
  try {
    const response = await fetch(`http://${applicationServer}/pages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: requestJson(applicationId, request),
      redirect: 'error',
      signal,
    })
    isPage = response.ok
    text = await limitedText(response)
  } catch (error) {
    throw unreachable(applicationServer, request, error)
  }
  if (isPage) return readPageJson(text)
  const told = toldError(text)
  // That it has closed is not the end of who asks: the store will be with another one.
  if (!told || told.code === 'MR_STREAMS_CLOSED')
    throw unreachable(applicationServer, request, told ?? new Error(text.slice(0, 500)))
  throw told
}

async function limitedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of response.body ?? []) {
    sizeBytes += part.length
    if (sizeBytes > maxPageJsonBytes)
      throw new Error(`The answer has more than ${maxPageJsonBytes} bytes.`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** The error of a problem document; undefined where it is none of this library's. */
function toldError(text: string): StreamsError | undefined {
  let told: Readonly<Record<string, unknown>>
  try {
    told = JSON.parse(text) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
  const { code, detail, details } = told
  if (typeof code !== 'string' || !(code in streamsErrors)) return undefined
  return new StreamsError(
    code as StreamsErrorCode,
    String(detail),
    typeof details === 'object' && details !== null
      ? (details as Readonly<Record<string, unknown>>)
      : {},
  )
}

function unreachable(
  applicationServer: string,
  { store, partition }: PageRequest,
  cause: unknown,
): StreamsError {
  return new StreamsError(
    'MR_STREAMS_INSTANCE_UNREACHABLE',
    `Partition ${partition} of the store "${store}" is at ${applicationServer}, which did not answer: ${String(cause)} Check that its query server runs and can be reached from here under this address.`,
    { store, partition, applicationServer },
    { cause },
  )
}
