import { once } from 'node:events'
import { connect } from 'node:net'
import { systemClock } from '@millrace/core'

/** ApiVersions v0 with correlation id 1 and a null client id: the smallest request every broker answers. */
const apiVersionsRequest = Buffer.from('0000000a0012000000000001ffff', 'hex')
const oneTryMs = 5_000

/** Resolves once a Kafka broker at 127.0.0.1:`port` answers a request; rejects after `timeoutMs` or when `gone` is aborted. */
export async function waitUntilKafkaAnswers(
  port: number,
  timeoutMs: number,
  gone?: AbortSignal,
): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + timeoutMs
  while (!(await kafkaAnswers(port))) {
    if (gone?.aborted) throw new Error('The broker process ended before it answered.')
    if (systemClock.monotonicMs() > deadlineMs)
      throw new Error(`No Kafka broker answered on port ${port} within ${timeoutMs} ms.`)
    await systemClock.sleep(50)
  }
}

async function kafkaAnswers(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(oneTryMs) })
    socket.write(apiVersionsRequest)
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(oneTryMs) })) as [
      Buffer,
    ]
    return answer.length >= 8 && answer.readInt32BE(4) === 1
  } catch {
    return false // Not listening yet, or not answering: the caller asks again until its deadline.
  } finally {
    socket.destroy()
  }
}
