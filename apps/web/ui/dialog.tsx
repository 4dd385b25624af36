import { Dialog as Base } from '@base-ui/react/dialog'
import type { ReactNode } from 'react'
import { Icon } from './icon.tsx'

/** A modal dialog: traps the focus, closes with Esc, gives the focus back. */
export function Dialog(props: {
  readonly title: string
  readonly isOpen: boolean
  readonly onClose: () => void
  readonly children: ReactNode
}) {
  return (
    <Base.Root open={props.isOpen} onOpenChange={(isOpen) => !isOpen && props.onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className="dialog">
          <header>
            <Base.Title render={<h2 />}>{props.title}</Base.Title>
            <Base.Close className="button" data-look="plain" aria-label="Close">
              <Icon name="cross" />
            </Base.Close>
          </header>
          {props.children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}
