import { parseDatabaseUrl } from '@millrace/postgres'
import { RuntimeError } from '@millrace/runtime'

/** A service and the database that holds its logs. */
export interface SourceEntry {
  readonly service: string
  readonly url: string
}

/**
 * Reads `service=postgres://…` items.
 * @throws RuntimeError `MR_RUNTIME_BAD_CONFIG`; the message never holds a password
 */
export function parseSourceTable(items: readonly string[]): readonly SourceEntry[] {
  const faults: string[] = []
  const entries = items.flatMap((item, index): SourceEntry[] => {
    const at = item.indexOf('=')
    const service = item.slice(0, Math.max(0, at)).trim()
    const url = item.slice(at + 1).trim()
    if (at <= 0 || !/^[\w.-]{1,100}$/.test(service)) {
      faults.push(`item ${index + 1} must look like service=postgres://…`)
      return []
    }
    try {
      parseDatabaseUrl(url)
    } catch {
      faults.push(`item ${index + 1} (${service}) has no usable postgres:// URL`)
      return []
    }
    return [{ service, url }]
  })
  for (const [service, same] of Map.groupBy(entries, (entry) => entry.service))
    if (same.length > 1) faults.push(`${service} stands there ${same.length} times`)
  if (faults.length > 0)
    throw new RuntimeError(
      'MR_RUNTIME_BAD_CONFIG',
      `TRACKING_DATABASES cannot be used: ${faults.join('; ')}. Nothing was started.`,
      { faults },
    )
  return entries
}
