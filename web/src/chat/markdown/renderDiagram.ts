import mermaid from 'mermaid'

/** A drawn diagram. */
export type DiagramImage = { url: string; width: number; height: number; title: string }

/** What the text of a diagram must not configure, in addition to the defaults. */
const SECURE = [
  'secure',
  'securityLevel',
  'startOnLoad',
  'maxTextSize',
  'suppressErrorRendering',
  'maxEdges',
  'themeCSS',
  'themeVariables',
  'fontFamily',
  'altFontFamily',
  'htmlLabels',
]

let count = 0
let queue: Promise<unknown> = Promise.resolve()

/**
 * Draws Mermaid code, one diagram at a time, since the configuration is global. Throws if the code is wrong. The result is
 * an image, in which neither scripts nor links work, and which loads nothing.
 */
export function renderDiagram(code: string, isDark: boolean): Promise<DiagramImage> {
  const drawn = queue.then(() => draw(code, isDark))
  queue = drawn.catch(() => undefined)
  return drawn
}

async function draw(code: string, isDark: boolean): Promise<DiagramImage> {
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: 'strict',
    secure: SECURE,
    suppressErrorRendering: true,
    theme: isDark ? 'dark' : 'default',
    fontFamily: 'system-ui, sans-serif',
    maxEdges: 300,
    // Text of SVG, since images may not contain HTML in all browsers.
    htmlLabels: false,
    flowchart: { htmlLabels: false },
  })
  // It measures texts, so it must be in the document.
  const box = document.createElement('div')
  box.style.cssText = 'position: absolute; left: -10000px; top: 0; width: 1000px; visibility: hidden'
  box.setAttribute('aria-hidden', 'true')
  document.body.append(box)
  try {
    const { svg } = await mermaid.render(`diagram-${++count}`, code, box)
    return asImage(svg)
  } finally {
    box.remove()
  }
}

function asImage(html: string): DiagramImage {
  const svg = new DOMParser().parseFromString(html, 'text/html').querySelector('svg')
  const [, , width, height] = (svg?.getAttribute('viewBox') ?? '').split(/[\s,]+/).map(Number)
  if (!svg || !width || !height) throw new Error('no diagram')
  svg.setAttribute('width', String(width))
  svg.setAttribute('height', String(height))
  svg.style.removeProperty('max-width')
  const title = svg.querySelector('title')?.textContent
  const xml = new XMLSerializer().serializeToString(svg)
  const url = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(xml)}`
  return { url, width: Math.ceil(width), height: Math.ceil(height), title: title ? `Diagram: ${title}` : 'Diagram' }
}
