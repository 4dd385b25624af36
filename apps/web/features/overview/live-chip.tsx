import { Link } from '@tanstack/react-router'
import { duration } from '../../lib/format.ts'
import { useStore } from '../../lib/store.ts'
import { useNow } from '../../lib/use-now.ts'
import { Chip } from '../../ui/chip.tsx'
import { Icon } from '../../ui/icon.tsx'
import { healthOf } from './health.ts'
import { overviewStore } from './store.ts'

/** Connection and health in one chip: live, starting, degraded, reconnecting. Leads to the Overview. */
export function LiveChip() {
  const feed = useStore(overviewStore)
  const nowMs = useNow(500)
  const { stream, retryNow } = feed
  if (stream.kind === 'waiting') {
    const inMs = Math.max(0, stream.retryAtMs - nowMs)
    return (
      <button
        type="button"
        className="chip"
        data-tone="attention"
        onClick={retryNow}
        title={`${stream.problem.message}. Attempt ${stream.attempt} in ${duration(inMs)}. Click to try now.`}
      >
        <Icon name="alert" /> Reconnecting
        <span className="wide-only figure">in {Math.ceil(inMs / 1000)} s, try now</span>
      </button>
    )
  }
  const health = healthOf(feed)
  return (
    <Link to="/" className="chip-link" title={health.detail}>
      <Chip tone={health.tone}>
        <span>
          {health.word}
          <span className="wide-only">{health.more}</span>
        </span>
      </Chip>
    </Link>
  )
}
