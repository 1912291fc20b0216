/** Writes the fields of one protobuf message; fields without a value are not called for. */
export class ProtoWriter {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  /** What was written so far; valid until the next write. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  string(field: number, value: string): void {
    this.#tag(field, 2);
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#length += this.#room(length).write(value, this.#length);
  }

  double(field: number, value: number): void {
    this.#tag(field, 1);
    this.#length = this.#room(8).writeDoubleLE(value, this.#length);
  }

  /** Also of enumerations. Exact up to 2^53. */
  uint(field: number, value: number): void {
    this.#tag(field, 0);
    this.varint(value);
  }

  /** `sint32` and `sint64`. */
  sint(field: number, value: number): void {
    this.#tag(field, 0);
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  message(field: number, write: (into: ProtoWriter) => void): void {
    const inner = new ProtoWriter();
    write(inner);
    this.#tag(field, 2);
    this.delimited(inner);
  }

  /** A message with its length before it. */
  delimited(message: ProtoWriter): void {
    const { bytes } = message;
    this.varint(bytes.length);
    bytes.copy(this.#room(bytes.length), this.#length);
    this.#length += bytes.length;
  }

  varint(value: number): void {
    let rest = value;
    const into = this.#room(10);
    while (rest >= 0x80) {
      into[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    into[this.#length++] = rest;
  }

  #tag(field: number, type: number): void {
    this.varint(field * 8 + type);
  }

  /** The buffer, with room for so many more bytes. */
  #room(bytes: number): Buffer {
    if (this.#length + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
