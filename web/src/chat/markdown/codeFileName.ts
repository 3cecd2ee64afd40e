/** The extensions of languages whose name is another. */
const EXTENSIONS: Record<string, string> = {
  bash: 'sh',
  shell: 'sh',
  csharp: 'cs',
  javascript: 'js',
  kotlin: 'kt',
  markdown: 'md',
  mermaid: 'mmd',
  perl: 'pl',
  python: 'py',
  ruby: 'rb',
  rust: 'rs',
  typescript: 'ts',
}

/** Returns the name of the file for code in a language: "code.py". */
export function codeFileName(language: string | null): string {
  const name = language?.toLowerCase() ?? ''
  const extension = Object.hasOwn(EXTENSIONS, name) ? EXTENSIONS[name] : name
  return `code.${extension && /^[a-z\d]{1,10}$/.test(extension) ? extension : 'txt'}`
}
