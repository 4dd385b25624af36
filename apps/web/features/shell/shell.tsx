import { Link, Outlet, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { AccountMenu } from '../identity/account-menu.tsx'
import { useIsNobody } from '../identity/use-me.ts'
import { useSessionWatch } from '../identity/use-session-watch.ts'
import { OverviewFeeder } from '../overview/feeder.tsx'
import { LiveChip } from '../overview/live-chip.tsx'
import { useKeys } from '../../lib/keys.ts'
import { doors } from './doors.ts'
import { Icon } from '../../ui/icon.tsx'
import { KeysHelp } from './keys-help.tsx'
import { MillMark } from './mill-mark.tsx'
import { ThemeSwitch } from './theme-switch.tsx'

/** The frame of every page: skip link, top bar with both doors, the page, the list of keys. */
export function Shell() {
  const navigate = useNavigate()
  const [isHelpOpen, setIsHelpOpen] = useState(false)
  useSessionWatch()
  // Every page but the sign-in would be refused.
  const isNobody = useIsNobody()
  useKeys({
    '?': () => setIsHelpOpen(true),
    'g o': () => void navigate({ to: '/' }),
    'g e': () => void navigate({ to: '/log' }),
    'g f': () => void navigate({ to: '/failures' }),
    'g p': () => void navigate({ to: '/operations' }),
    'g s': () => void navigate({ to: '/streams' }),
    'g l': () => void navigate({ to: '/lab' }),
    'g d': () => void navigate({ to: '/discussions' }),
    'g r': () => void navigate({ to: '/orders' }),
    'g u': () => void navigate({ to: '/people' }),
  })
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to the page
      </a>
      {!isNobody && <OverviewFeeder />}
      <header className="topbar">
        <Link to="/" className="brand" aria-label="Millrace, to the Overview">
          <MillMark />
          <span>Millrace</span>
        </Link>
        {!isNobody && <Navigation />}
        <div className="topbar-tools">
          {!isNobody && <LiveChip />}
          <AccountMenu />
          <ThemeSwitch />
          <button
            type="button"
            className="button"
            data-look="plain"
            aria-label="Help and keys"
            title="Help and keys (?)"
            onClick={() => setIsHelpOpen(true)}
          >
            <span aria-hidden="true">?</span>
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Outlet />
      </main>
      <KeysHelp isOpen={isHelpOpen} onClose={() => setIsHelpOpen(false)} />
    </>
  )
}

function Navigation() {
  return (
    <nav aria-label="Pages">
      {doors.map((door) => (
        <div key={door.name} className="door">
          <span className="door-name" id={`door-${door.name}`}>
            {door.name}
          </span>
          <ul aria-labelledby={`door-${door.name}`}>
            {door.pages.map((page) => (
              <li key={page.to}>
                <Link
                  to={page.to}
                  activeOptions={{ exact: page.to === '/', includeSearch: false }}
                  title={page.keys}
                >
                  {page.label}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  )
}

/** What a page shows when its code could not run; the shell stays usable. */
export function PageNotFound() {
  return (
    <div className="page">
      <div className="state">
        <h3>
          <Icon name="alert" /> There is no page at this address
        </h3>
        <p>The link may be old or cut off.</p>
        <Link to="/" className="button" data-look="primary">
          To the Overview
        </Link>
      </div>
    </div>
  )
}
