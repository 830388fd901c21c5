# SPDX-License-Identifier: MIT
#
# One of everything that schemac and lib/wire know, for their tests. shapes.h beside this file is
# what schemac makes of it; schemac_test.py says how to renew it.

@0xd2f1c3a98e5b7764;

const answer :UInt32 = 42;
const tiny :Int8 = -128;
const negative :Int32 = -2147483648;
const minimum :Int64 = -9223372036854775808;
const huge :UInt64 = 18446744073709551615;
const greeting :Text = "say \"hi\"\n";
const favourite :Colour = deepBlue;
const yes :Bool = true;

enum Colour {
  # A comment that */ tries to end.
  red @0;
  green @1;
  deepBlue @2;
}

interface Door {
  # Inline parameters, parameters with pointers, and named structs.

  open @0 (key :UInt64, wide :Bool) -> (opened :Bool);
  paint @1 (colour :Colour, coats :UInt8, default :Int16) -> ();
  label @2 (text :Text) -> (text :Text);
  move @3 Leaf -> Leaf;
}

struct Leaf {
  number @0 :UInt32 = 7;
  text @1 :Text;
}

struct Point {
  x @0 :Int32;
  y @1 :Int32;
  colour @2 :Colour;
  weight @3 :Float64;

  struct Label { text @0 :Text; }
}

struct Scalars {
  flag @0 :Bool;
  int8 @1 :Int8;
  int16 @2 :Int16;
  int32 @3 :Int32;
  int64 @4 :Int64;
  uint8 @5 :UInt8;
  uint16 @6 :UInt16;
  uint32 @7 :UInt32;
  uint64 @8 :UInt64;
  float32 @9 :Float32;
  float64 @10 :Float64;
  colour @11 :Colour;
  nothing @12 :Void;
  flagDefault @13 :Bool = true;
  int8Default @14 :Int8 = -5;
  int16Default @15 :Int16 = -300;
  int32Default @16 :Int32 = -70000;
  int64Default @17 :Int64 = -5000000000;
  uint8Default @18 :UInt8 = 200;
  uint16Default @19 :UInt16 = 60000;
  uint32Default @20 :UInt32 = 4000000000;
  uint64Default @21 :UInt64 = 10000000000000000000;
  float32Default @22 :Float32 = 1.5;
  float64Default @23 :Float64 = 0.25;
  colourDefault @24 :Colour = green;
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  int8s @2 :List(Int8);
  uint16s @3 :List(UInt16);
  int32s @4 :List(Int32);
  uint64s @5 :List(UInt64);
  float32s @6 :List(Float32);
  colours @7 :List(Colour);
  texts @8 :List(Text);
  datas @9 :List(Data);
  leaves @10 :List(Leaf);
  points @11 :List(Point);
  empties @12 :List(Empty);
  grid @13 :List(List(UInt16));
  words @14 :List(List(Text));
  groves @15 :List(List(Leaf));
}

struct Empty {}

struct Shape {
  name @0 :Text;
  blob @1 :Data;
  scalars @2 :Scalars;
  lists @3 :Lists;
  children @4 :List(Shape);
  next @5 :Shape;
  union {
    nothing @6 :Void;
    number @7 :Int64;
    label @8 :Text;
    pair :group {
      left @9 :Int16 = -1;
      right @10 :Text;
    }
    leaf @11 :Leaf;
    flag @12 :Bool;
  }
  corner :group {
    x @13 :Int32 = -5;
    y @14 :UInt8;
  }
  choice :union {
    small @15 :UInt8;
    texts @16 :List(Text);
    colour @17 :Colour;
  }
  point @18 :Point;
  empty @19 :Empty;
}

struct Opaque {
  door @0 :Door;
  any @1 :AnyPointer;
  doors @2 :List(Door);
}

# The same message before and after its schema has grown.

struct Old {
  number @0 :UInt16;
  numbers @1 :List(UInt32);
  names @2 :List(Text);
  leaf @3 :OldLeaf;
  leaves @4 :List(OldLeaf);
  nothings @5 :List(Void);
}

struct OldLeaf {
  number @0 :UInt8;
  text @1 :Text;
}

struct New {
  number @0 :UInt16;
  numbers @1 :List(NewNumber);
  names @2 :List(NewName);
  leaf @3 :NewLeaf;
  leaves @4 :List(NewLeaf);
  nothings @5 :List(NewNumber);
  added @6 :Text;
  flag @7 :Bool = true;
}

struct NewNumber {
  value @0 :UInt32;
  extra @1 :UInt64 = 9;
  note @2 :Text;
}

struct NewName {
  name @0 :Text;
  weight @1 :UInt8 = 3;
}

struct NewLeaf {
  number @0 :UInt8;
  text @1 :Text;
  more @2 :UInt64 = 12;
  note @3 :Text;
}
