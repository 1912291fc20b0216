declare module 'unix-crypt-td-js' {
  /** Traditional crypt(3): the salt is the first two characters, the password its bytes. */
  export default function unixCrypt(password: readonly number[], salt: string): string;
}
