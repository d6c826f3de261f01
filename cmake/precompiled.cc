// Compiled once per precompiled header; the header itself is the product.
