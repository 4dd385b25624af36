import type { Admin, KafkaOptions } from '@millrace/kafka'
import type { KafkaClient } from './types.ts'

/**
 * Works with an admin client of its own, closed afterwards, or at once when the signal is aborted: a request under way would
 * otherwise go on trying for its whole time limit.
 */
export async function withAdmin<T>(
  client: KafkaClient,
  options: KafkaOptions,
  signal: AbortSignal,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  await using admin = await client.createAdmin(options)
  const onAbort = (): void => void admin.close()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await work(admin)
  } finally {
    // The signal lives as long as the consumer, and during an outage there is one client after the other.
    signal.removeEventListener('abort', onAbort)
  }
}
