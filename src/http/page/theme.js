// Dark or light: as the system has it, until somebody chooses. The choice stays in this browser.
import { byId, text } from './dom.js'

const KEY = 'hookswitch-colours'
const NEXT = { auto: 'dark', dark: 'light', light: 'auto' }

export function startTheme() {
  const button = byId('theme')
  const apply = choice => {
    if (choice === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = choice
    text(byId('theme-choice'), choice)
  }
  let choice = NEXT[localStorage.getItem(KEY)] ? localStorage.getItem(KEY) : 'auto'
  apply(choice)
  button.addEventListener('click', () => {
    choice = NEXT[choice]
    localStorage.setItem(KEY, choice)
    apply(choice)
  })
}
