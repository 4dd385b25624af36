import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { LiveStream, type StreamState } from './live-stream.ts'
import type { ServerSentEvent } from './server-sent-events.ts'

export interface LiveStreamHandle {
  readonly state: StreamState
  readonly retryNow: () => void
}

/** Keeps a stream open while the component is mounted and `path` is not null. */
export function useLiveStream(
  path: string | null,
  handlers: {
    readonly onEvent: (event: ServerSentEvent) => void
    readonly onResume?: () => void
    readonly silenceLimitMs?: number
  },
): LiveStreamHandle {
  const [state, setState] = useState<StreamState>({ kind: 'connecting' })
  const stream = useRef<LiveStream | null>(null)
  const onEvent = useEffectEvent(handlers.onEvent)
  const onResume = useEffectEvent(() => handlers.onResume?.())
  const { silenceLimitMs } = handlers
  useEffect(() => {
    if (path === null) return
    const opened = new LiveStream({
      path,
      onEvent: (event) => onEvent(event),
      onResume: () => onResume(),
      onState: setState,
      ...(silenceLimitMs === undefined ? {} : { silenceLimitMs }),
    })
    stream.current = opened
    opened.start()
    return () => opened.close()
  }, [path, silenceLimitMs])
  return { state, retryNow: () => stream.current?.retryNow() }
}
