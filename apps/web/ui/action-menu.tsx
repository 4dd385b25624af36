import { Menu } from '@base-ui/react/menu'
import type { ReactElement, ReactNode } from 'react'

/** Links and acts behind a button. */
export function ActionMenu(props: {
  readonly label: string
  readonly heading: string
  readonly trigger: ReactNode
  readonly children: ReactNode
}) {
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="button" data-look="plain" aria-label={props.label}>
        {props.trigger}
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner
          className="menu-positioner"
          sideOffset={6}
          align="end"
          collisionPadding={8}
        >
          <Menu.Popup className="menu">
            <div className="menu-heading">{props.heading}</div>
            {props.children}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

/** A line of a menu that leads to a page. */
export function MenuLink(props: {
  /** Where to: a link without text. */
  readonly link: ReactElement<Record<string, unknown>>
  readonly children: ReactNode
}) {
  return (
    <Menu.LinkItem className="menu-item" closeOnClick render={props.link}>
      {props.children}
    </Menu.LinkItem>
  )
}

/** A line of a menu that does something. */
export function MenuAction(props: {
  readonly onChoose: () => void
  readonly isDisabled?: boolean
  readonly children: ReactNode
}) {
  return (
    <Menu.Item className="menu-item" disabled={props.isDisabled} onClick={props.onChoose}>
      {props.children}
    </Menu.Item>
  )
}
