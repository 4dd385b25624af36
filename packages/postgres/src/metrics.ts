import type { Meter } from '@millrace/core'
import type { Pool } from 'pg'

/** Reports the pool's connections and the callers that wait for one. */
export function observePool(meter: Meter | undefined, pool: Pool, poolName: string): void {
  if (!meter) return
  meter.gauge({
    name: 'mr_postgres_connections',
    help: 'Connections of the pool by state (idle, used)',
    labelNames: ['pool', 'state'],
    collect: (gauge) => {
      gauge.set(pool.idleCount, { pool: poolName, state: 'idle' })
      gauge.set(pool.totalCount - pool.idleCount, { pool: poolName, state: 'used' })
    },
  })
  meter.gauge({
    name: 'mr_postgres_waiting',
    help: 'Callers that wait for a connection of the pool',
    labelNames: ['pool'],
    collect: (gauge) => gauge.set(pool.waitingCount, { pool: poolName }),
  })
}
