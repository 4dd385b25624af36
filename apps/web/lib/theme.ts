import { readSetting, writeSetting } from './storage.ts'
import { createStore } from './store.ts'

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

function stored(): Theme {
  const setting = readSetting('theme')
  return setting === 'light' || setting === 'dark' ? setting : 'system'
}

/** Written by `chooseTheme` alone. `public/theme.js` applies the same setting before the first paint. */
export const themeStore = createStore<Theme>(stored())

export function chooseTheme(theme: Theme): void {
  writeSetting('theme', theme === 'system' ? null : theme)
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  themeStore.set(theme)
}
