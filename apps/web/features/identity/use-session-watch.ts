import { useQueryClient } from '@tanstack/react-query'
import { useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { onSessionElsewhere, sessionEndStore } from '../../lib/session.ts'
import { useStore } from '../../lib/store.ts'

/** Pages for who is not signed in. They need no session, so they are left alone when there is none. */
export const outsidePaths: readonly string[] = ['/sign-in', '/register']

/** Takes whoever met the end of a session to the sign-in, which leads back here; and follows what other tabs do. */
export function useSessionWatch(): void {
  const client = useQueryClient()
  const navigate = useNavigate()
  const { pathname, href } = useLocation()
  const end = useStore(sessionEndStore)
  const isOutside = outsidePaths.includes(pathname)
  useEffect(() => {
    if (!end.isOver || isOutside) return
    const why = end.wasSignedIn ? 'ended' : ''
    void navigate({ to: '/sign-in', search: { back: href, why }, replace: true })
  }, [end, isOutside, href, navigate])
  useEffect(() => {
    // Nothing that was read in the session stays on a page that is nobody's.
    if (end.isOver) void client.resetQueries()
  }, [end, client])
  useEffect(() => onSessionElsewhere(() => void client.invalidateQueries()), [client])
}
