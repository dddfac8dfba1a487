//! Written sequences: each option of each command, told to both sides in this order. The expected
//! replies are Redis's. Words are as redis-cli reads them: `"..."` with `\r \n \t \\ \" \xHH`.

use super::pair::Command;

/// Title and commands, one on a line. Each starts with two empty databases.
pub(crate) const SEQUENCES: &[(&str, &str)] = &[
    (
        "SET and its options",
        r#"
        SET
        SET k
        SET k v
        GET k
        SET k w NX
        SET n w NX
        SET k x XX
        SET m x XX
        GET m
        SET k y GET
        SET new y GET
        SET k z NX GET
        SET k z XX GET
        SET fresh z NX GET
        SET fresh2 z XX GET
        EXISTS fresh2
        SET k v NX XX
        SET k v NX NX
        SET k v GET GET
        SET k v EX 10 PX 10
        SET k v EX 300000 KEEPTTL
        SET k v KEEPTTL EX 300000
        SET k v EX
        SET k v EX abc
        SET k v EX 1.5
        SET k v EX 0
        SET k v PX 0
        SET k v EXAT 0
        SET k v PXAT 0
        SET k v EX -1
        SET k v PX -1
        SET k v EXAT -1
        SET k v PXAT -1
        SET k v EX 9223372036854775807
        SET k v EX 9223372036854775
        SET k v PX 9223372036854775807
        SET k v EXAT 9223372036854775807
        SET k v EXAT 9223372036854775
        SET k v PXAT 9223372036854775807
        SET k v EX 9223372036854775808
        SET k v exat 5000000000
        PEXPIRETIME k
        SET k v2 KEEPTTL
        PEXPIRETIME k
        SET k v3
        PEXPIRETIME k
        SET k v pxat 5000000000123 nx
        PEXPIRETIME k
        SET k v pxat 5000000000123 xx get
        PEXPIRETIME k
        SET k v get keepttl xx
        PEXPIRETIME k
        SET k v EX 300000
        TTL k
        SET k v PX 300000000
        TTL k
        SET k v EXAT 1
        GET k
        EXISTS k
        SET k v PXAT 1 GET
        SET k v GET PXAT 1
        GET k
        SET k v KEEPTTL KEEPTTL
        SET k v PERSIST
        SET k v foo
        SET k v EX 10 EX 10
        SET k v NX EX
        SET k "" EX 300000
        STRLEN k
        SET "" empty-key
        GET ""
        SET "\x00\xff" "\x00\r\n\xfe"
        GET "\x00\xff"
        set K upper
        get K
        sEt k v nX
        "#,
    ),
    (
        "GETEX GETDEL GETSET SETNX SETEX PSETEX",
        r#"
        GETEX
        GETEX none
        GETEX none EX 10
        GETEX none EX
        GETEX none FOO
        SET k v
        GETEX k
        GETEX k EX 300000
        TTL k
        GETEX k PERSIST
        TTL k
        GETEX k PX 300000000
        TTL k
        GETEX k EXAT 5000000000
        PEXPIRETIME k
        GETEX k PXAT 5000000000001
        PEXPIRETIME k
        GETEX k
        PEXPIRETIME k
        GETEX k PERSIST EX 5
        GETEX k EX 5 PERSIST
        GETEX k EX 5 PX 5
        GETEX k NX
        GETEX k KEEPTTL
        GETEX k GET
        GETEX k EX
        GETEX k EX abc
        GETEX k EX 0
        GETEX k EX -1
        GETEX k PXAT 0
        GETEX none PXAT 0
        GETEX k EX 9223372036854775807
        GETEX k EXAT 9223372036854775807
        GETEX k EXAT 9223372036854775
        PEXPIRETIME k
        GETEX k PXAT 9223372036854775807
        PEXPIRETIME k
        GETEX k PERSIST PERSIST
        GETEX k PXAT 1
        EXISTS k
        GET k
        GETDEL
        GETDEL k
        SET k 5
        GETDEL k
        GETDEL k
        GETDEL k k
        GETSET
        GETSET k
        GETSET k a
        GETSET k b
        EXPIREAT k 5000000000
        GETSET k c
        PEXPIRETIME k
        GETSET k c d
        SETNX k x
        SETNX k2 x
        GET k
        SETNX k2
        SETEX k 300000 v
        TTL k
        SETEX k 0 v
        SETEX k -1 v
        SETEX k abc v
        SETEX k 9223372036854775807 v
        SETEX k 9223372036854775 v
        SETEX k 10
        PSETEX k 300000000 v
        TTL k
        PSETEX k 0 v
        PSETEX k -1 v
        PSETEX k x v
        PSETEX k 9223372036854775807 v
        GET k
        "#,
    ),
    (
        "MGET MSET MSETNX",
        r#"
        MGET
        MGET a
        MSET
        MSET a
        MSET a 1
        MSET a 1 b
        MSET a 1 b 2 a 3
        MGET a b c a
        EXPIREAT a 5000000000
        MSET a 4
        PEXPIRETIME a
        MSETNX a 5 z 6
        EXISTS z
        MSETNX y 5 z 6
        MSETNX x 1 x 2
        GET x
        MSETNX x
        MSETNX q 1 r
        MSET "" "" "\x00" "\x00"
        MGET "" "\x00"
        OBJECT ENCODING a
        OBJECT ENCODING ""
        "#,
    ),
    (
        "APPEND STRLEN GETRANGE SUBSTR SETRANGE",
        r#"
        APPEND
        APPEND k
        APPEND k ""
        EXISTS k
        GET k
        OBJECT ENCODING k
        APPEND k Hello
        OBJECT ENCODING k
        APPEND k ", World"
        GET k
        STRLEN k
        STRLEN none
        STRLEN
        APPEND num 12
        OBJECT ENCODING num
        APPEND num 3
        OBJECT ENCODING num
        INCR num
        OBJECT ENCODING num
        EXPIREAT k 5000000000
        APPEND k !
        PEXPIRETIME k
        GETRANGE k 0 -1
        GETRANGE k 0 4
        GETRANGE k -3 -1
        GETRANGE k -1 -3
        GETRANGE k 5 3
        GETRANGE k 100 200
        GETRANGE k -100 2
        GETRANGE k -100 -50
        GETRANGE k -100 -100
        GETRANGE k 0 -100
        GETRANGE k 0 9223372036854775807
        GETRANGE k -9223372036854775808 9223372036854775807
        GETRANGE k -9223372036854775808 -9223372036854775808
        GETRANGE k 9223372036854775807 9223372036854775807
        GETRANGE k 0 9223372036854775808
        GETRANGE k a 1
        GETRANGE k 0 b
        GETRANGE k "" 1
        GETRANGE none 0 -1
        GETRANGE none a b
        GETRANGE k 0
        SUBSTR k 0 4
        SUBSTR k 0
        SUBSTR none 0 1
        GETRANGE num 0 0
        SETRANGE
        SETRANGE k 7 Redis
        GET k
        PEXPIRETIME k
        SETRANGE none 0 ""
        EXISTS none
        SETRANGE none 5 ""
        EXISTS none
        SETRANGE none -1 x
        SETRANGE none abc x
        SETRANGE none 3 x
        GET none
        OBJECT ENCODING none
        SETRANGE k -1 ""
        SETRANGE k 536870912 ""
        SETRANGE k 536870912 x
        SETRANGE k 536870911 xy
        SETRANGE new 536870912 x
        SETRANGE new 536870911 xy
        SETRANGE k 9223372036854775807 x
        SETRANGE k 9223372036854775807 xxxxx
        SETRANGE k 9223372036854775808 x
        SETRANGE k 4294967295 x
        STRLEN k
        SET i 12345
        OBJECT ENCODING i
        SETRANGE i 0 ""
        OBJECT ENCODING i
        SETRANGE i 0 9
        GET i
        OBJECT ENCODING i
        "#,
    ),
    (
        "INCR DECR INCRBY DECRBY",
        r#"
        INCR n
        INCR n
        DECR n
        INCRBY n 5
        DECRBY n 3
        INCRBY n -10
        DECRBY n -10
        INCRBY n 0
        OBJECT ENCODING n
        EXPIREAT n 5000000000
        INCR n
        PEXPIRETIME n
        INCRBY n abc
        INCRBY n 1.5
        INCRBY n ""
        INCRBY n " 1"
        INCRBY n +1
        INCRBY n 01
        INCRBY n -0
        INCRBY n 9223372036854775808
        DECRBY n -9223372036854775808
        DECRBY n -9223372036854775809
        DECRBY n 9223372036854775807
        SET n 9223372036854775807
        INCR n
        INCRBY n 1
        DECRBY n -1
        INCRBY n -9223372036854775808
        SET n -9223372036854775808
        DECR n
        INCRBY n -1
        DECRBY n 1
        INCRBY n 9223372036854775807
        SET s abc
        INCR s
        DECR s
        INCRBY s 1
        SET s " 5"
        INCR s
        SET s 05
        INCR s
        SET s ""
        INCR s
        SET s 9223372036854775808
        INCR s
        SET s -0
        INCR s
        SET s "5\x00"
        INCR s
        INCR
        INCR a b
        INCRBY n
        DECRBY n
        INCRBY n 1 2
        INCRBY s x
        INCRBY none -5
        DECRBY none2 5
        "#,
    ),
    (
        "INCRBYFLOAT",
        r#"
        INCRBYFLOAT f 10.5
        INCRBYFLOAT f 0.1
        INCRBYFLOAT f -5
        INCRBYFLOAT f 5.0e3
        INCRBYFLOAT f 1e-20
        INCRBYFLOAT f -0
        OBJECT ENCODING f
        SET f 3.0
        INCRBYFLOAT f 1.000000000000000005
        SET f 0
        INCRBYFLOAT f -0.0
        GET f
        INCRBYFLOAT f inf
        INCRBYFLOAT f -inf
        INCRBYFLOAT f nan
        INCRBYFLOAT f abc
        INCRBYFLOAT f ""
        INCRBYFLOAT f " 1"
        INCRBYFLOAT f "1 "
        INCRBYFLOAT f 0x10
        INCRBYFLOAT f 1e400
        INCRBYFLOAT f 1e4932
        INCRBYFLOAT f 1e4932
        INCRBYFLOAT f 1e4933
        SET f 1e-4950
        INCRBYFLOAT f 0
        SET f inf
        INCRBYFLOAT f 1
        SET f -inf
        INCRBYFLOAT f inf
        SET f nan
        INCRBYFLOAT f 1
        SET f abc
        INCRBYFLOAT f 1
        SET f ""
        INCRBYFLOAT f 1
        SET f " 1"
        INCRBYFLOAT f 1
        SET f "1\x00"
        INCRBYFLOAT f 1
        SET f 1
        INCRBYFLOAT f "1\x002"
        SET f 17179869184
        INCRBYFLOAT f 1.5
        SET f 9223372036854775807
        INCRBYFLOAT f 1
        SET f 99999999999999999999999999
        INCRBYFLOAT f 1
        EXPIREAT f 5000000000
        INCRBYFLOAT f 1
        PEXPIRETIME f
        INCRBYFLOAT f
        INCRBYFLOAT f 1 2
        INCRBYFLOAT e 1e-17
        INCRBYFLOAT e 1e-18
        INCRBYFLOAT x 5e-18
        INCRBYFLOAT y 1.7976931348623157e308
        INCR f
        "#,
    ),
    (
        "LCS",
        r#"
        LCS
        LCS a
        LCS a b
        MSET a ohmytext b mynewtext
        LCS a b
        LCS a b LEN
        LCS a b IDX
        LCS a b IDX MINMATCHLEN 4
        LCS a b IDX WITHMATCHLEN
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
        LCS a b IDX MINMATCHLEN -1
        LCS a b IDX MINMATCHLEN 100
        LCS a b IDX MINMATCHLEN abc
        LCS a b IDX MINMATCHLEN
        LCS a b MINMATCHLEN 4
        LCS a b WITHMATCHLEN
        LCS a b LEN IDX
        LCS a b LEN WITHMATCHLEN
        LCS a b FOO
        LCS none b
        LCS a none IDX
        LCS a none LEN
        LCS none none2
        LCS a a IDX WITHMATCHLEN
        SET n 12345
        SET m 2355
        LCS n m
        LCS n m IDX WITHMATCHLEN
        SET e ""
        LCS e a IDX
        lcs a b len
        "#,
    ),
    (
        "SETBIT GETBIT",
        r#"
        SETBIT
        SETBIT k 7
        SETBIT k 7 1
        GET k
        OBJECT ENCODING k
        SETBIT k 7 1
        SETBIT k 7 0
        GET k
        SETBIT k 0 1
        SETBIT k 100 0
        STRLEN k
        SETBIT k -1 1
        SETBIT k abc 1
        SETBIT k 1 2
        SETBIT k 1 -1
        SETBIT k 1 abc
        SETBIT k 1 ""
        SETBIT k 1 01
        SETBIT k 4294967296 1
        SETBIT k 9223372036854775807 1
        SETBIT k 9223372036854775808 1
        SETBIT k abc 2
        GETBIT k 0
        GETBIT k 7
        GETBIT k 1000000
        GETBIT k 4294967295
        GETBIT k 4294967296
        GETBIT k -1
        GETBIT k abc
        GETBIT none 0
        GETBIT none 4294967296
        GETBIT k
        SET n 123
        SETBIT n 6 1
        GET n
        OBJECT ENCODING n
        GETBIT n 6
        EXPIREAT n 5000000000
        SETBIT n 1 1
        PEXPIRETIME n
        SETBIT none2 4294967296 0
        EXISTS none2
        SETBIT zero 0 0
        GET zero
        "#,
    ),
    (
        "the last bit of all",
        r#"
        SETBIT far 4294967295 1
        STRLEN far
        GETBIT far 4294967295
        GETBIT far 4294967294
        BITCOUNT far
        BITPOS far 1
        BITCOUNT far 536870911 536870911
        BITFIELD far GET u1 4294967295
        BITFIELD far GET u8 4294967295
        BITFIELD far SET u2 4294967295 1
        GETRANGE far -1 -1
        APPEND far x
        SETRANGE far 536870911 y
        GETRANGE far -2 -1
        DEL far
        "#,
    ),
    (
        "BITCOUNT BITPOS",
        r#"
        SET k foobar
        BITCOUNT
        BITCOUNT k
        BITCOUNT k 0 0
        BITCOUNT k 1 1
        BITCOUNT k 0 -1
        BITCOUNT k -2 -1
        BITCOUNT k 5 30 BIT
        BITCOUNT k 0 -1 BIT
        BITCOUNT k -10 -3 BIT
        BITCOUNT k 1 1 BYTE
        BITCOUNT k 1 1 byte
        BITCOUNT k 0
        BITCOUNT k 0 -1 FOO
        BITCOUNT k 0 -1 BIT BIT
        BITCOUNT k a b
        BITCOUNT k 0 b
        BITCOUNT k 3 1
        BITCOUNT k -1 -3
        BITCOUNT k -100 -90
        BITCOUNT k -100 100
        BITCOUNT k 100 200
        BITCOUNT k -9223372036854775808 9223372036854775807
        BITCOUNT k -9223372036854775808 9223372036854775807 BIT
        BITCOUNT none
        BITCOUNT none 0 -1
        BITCOUNT none a b
        BITCOUNT none 0
        BITCOUNT none 0 1 FOO
        SET n 123
        BITCOUNT n
        SET z "\x00\x00\x00"
        SET f "\xff\xff\xff"
        SET m "\xff\xf0\x00"
        SET e ""
        BITPOS
        BITPOS k
        BITPOS k 2
        BITPOS k -1
        BITPOS k abc
        BITPOS none 0
        BITPOS none 1
        BITPOS none 2
        BITPOS none 0 a
        BITPOS e 0
        BITPOS e 1
        BITPOS z 1
        BITPOS z 0
        BITPOS f 0
        BITPOS f 1
        BITPOS f 0 0
        BITPOS f 0 0 -1
        BITPOS f 0 1 1
        BITPOS f 0 3
        BITPOS f 0 5
        BITPOS f 1 5
        BITPOS f 0 -1
        BITPOS f 0 2 1
        BITPOS f 1 2 1
        BITPOS m 0
        BITPOS m 1 1
        BITPOS m 1 2
        BITPOS m 0 1 -1
        BITPOS m 1 0 -1 BIT
        BITPOS m 1 12 -1 BIT
        BITPOS m 0 3 5 BIT
        BITPOS m 0 3 13 BIT
        BITPOS m 1 7 7 BIT
        BITPOS m 0 -8 -1 BIT
        BITPOS m 1 -13 -13 BIT
        BITPOS m 0 0 -1 BYTE
        BITPOS m 0 0 -1 FOO
        BITPOS m 0 0 BIT
        BITPOS m 0 a
        BITPOS m 0 0 b
        BITPOS m 0 0 1 BIT BIT
        BITPOS m 0 100 200 BIT
        BITPOS m 0 -9223372036854775808 9223372036854775807 BIT
        BITPOS n 1
        "#,
    ),
    (
        "BITOP",
        r#"
        MSET a foobar b abcdef c "\xff\x0f" d ""
        BITOP
        BITOP AND dest
        BITOP AND dest a b
        GET dest
        OBJECT ENCODING dest
        BITOP OR dest a b c
        GET dest
        BITOP XOR dest a b
        GET dest
        BITOP XOR dest a a
        GET dest
        BITOP NOT dest c
        GET dest
        BITOP NOT dest a b
        BITOP NOT dest none
        EXISTS dest
        SET dest keep
        BITOP AND dest none none2
        EXISTS dest
        BITOP AND dest a none
        GET dest
        BITOP OR dest a none
        GET dest
        BITOP or dest d d
        EXISTS dest
        BITOP FOO dest a
        BITOP DIFF dest a b
        BITOP AND a a b
        GET a
        BITOP NOT a a
        GET a
        SET e v PXAT 5000000000000
        BITOP OR e b c
        PEXPIRETIME e
        SET n 123
        BITOP OR dest n n
        GET dest
        OBJECT ENCODING dest
        BITOP AND dest a b c d n none
        "#,
    ),
    (
        "BITFIELD BITFIELD_RO",
        r#"
        BITFIELD
        BITFIELD k
        EXISTS k
        BITFIELD k GET u8 0
        EXISTS k
        BITFIELD k SET u8 0 255
        GET k
        BITFIELD k SET i8 0 -128 GET i8 0 GET u8 0
        BITFIELD k INCRBY i5 100 1 GET u4 0
        STRLEN k
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1
        BITFIELD k OVERFLOW FAIL INCRBY u2 102 1
        BITFIELD k OVERFLOW WRAP INCRBY u2 102 1
        BITFIELD k OVERFLOW FOO INCRBY u2 102 1
        BITFIELD k OVERFLOW
        BITFIELD k OVERFLOW SAT
        BITFIELD k SET u8 #1 7 GET u8 8 GET u8 #1
        BITFIELD k SET i64 0 9223372036854775807
        BITFIELD k OVERFLOW FAIL INCRBY i64 0 1
        BITFIELD k OVERFLOW SAT INCRBY i64 0 1
        BITFIELD k OVERFLOW WRAP INCRBY i64 0 1
        BITFIELD k OVERFLOW SAT INCRBY i64 0 -1
        BITFIELD k OVERFLOW FAIL INCRBY i64 0 -9223372036854775808
        BITFIELD k SET u63 0 -1 GET u63 0
        BITFIELD k OVERFLOW SAT SET u4 0 100
        BITFIELD k OVERFLOW SAT SET i4 0 100
        BITFIELD k OVERFLOW SAT SET i4 0 -100
        BITFIELD k OVERFLOW FAIL SET i4 0 -100
        BITFIELD k OVERFLOW FAIL SET u4 0 16
        BITFIELD k SET u4 0 16
        BITFIELD k GET u64 0
        BITFIELD k GET i65 0
        BITFIELD k GET u0 0
        BITFIELD k GET i0 0
        BITFIELD k GET x8 0
        BITFIELD k GET u 0
        BITFIELD k GET "" 0
        BITFIELD k GET u08 0
        BITFIELD k GET U8 0
        BITFIELD k GET u8 -1
        BITFIELD k GET u8 #-1
        BITFIELD k GET u8 abc
        BITFIELD k GET u8 #
        BITFIELD k GET u8 4294967296
        BITFIELD k GET u8 4294967288
        BITFIELD k GET u8 4294967289
        BITFIELD k GET u8 #536870911
        BITFIELD k GET u8 #536870912
        BITFIELD k GET u8 9223372036854775807
        BITFIELD k GET u8 #9223372036854775807
        BITFIELD k SET u8 0
        BITFIELD k SET u8 0 abc
        BITFIELD k SET u8 0 9223372036854775808
        BITFIELD k INCRBY u8 0
        BITFIELD k INCRBY u8 0 abc
        BITFIELD k FOO u8 0
        BITFIELD k GET u8
        BITFIELD k GET u8 0 SET u8 0 1 GET u8 abc
        GET k
        BITFIELD fresh GET u8 0 OVERFLOW FAIL INCRBY u8 0 300
        EXISTS fresh
        BITFIELD fresh2 OVERFLOW FAIL INCRBY u8 100 300
        STRLEN fresh2
        SET n 12
        BITFIELD n GET u8 0 SET u8 0 51
        GET n
        OBJECT ENCODING n
        SET t v PXAT 5000000000000
        BITFIELD t SET u8 0 65
        PEXPIRETIME t
        BITFIELD_RO
        BITFIELD_RO k
        BITFIELD_RO k GET u8 0
        BITFIELD_RO k GET u8 0 GET i8 #1
        BITFIELD_RO k SET u8 0 1
        BITFIELD_RO k INCRBY u8 0 1
        BITFIELD_RO k OVERFLOW SAT GET u8 0
        BITFIELD_RO k OVERFLOW SAT
        BITFIELD_RO k GET u8
        BITFIELD_RO none GET u8 0
        BITFIELD_RO k FOO
        bitfield k get u8 0 overflow sat incrby u8 0 300
        "#,
    ),
    (
        "DEL UNLINK EXISTS TOUCH TYPE",
        r#"
        DEL
        DEL none
        MSET a 1 b 2 c 3
        EXISTS a b none a
        TOUCH a b none a
        TYPE a
        TYPE none
        TYPE
        TYPE a b
        DEL a a b none
        UNLINK c c
        UNLINK
        EXISTS
        TOUCH
        SET p v PXAT 1
        EXISTS p
        SET p v PXAT 1
        DEL p
        SET p v PXAT 1
        TYPE p
        SET p v PXAT 1
        DBSIZE
        DBSIZE x
        "#,
    ),
    (
        "EXPIRE and its kin",
        r#"
        EXPIRE
        EXPIRE k
        EXPIRE k 10
        SET k v
        EXPIRE k 300000
        TTL k
        PERSIST k
        PERSIST k
        PERSIST none
        PERSIST
        TTL k
        PTTL k
        TTL none
        PTTL none
        EXPIRETIME k
        EXPIRETIME none
        PEXPIRETIME none
        EXPIREAT k 5000000000
        EXPIRETIME k
        PEXPIRETIME k
        PEXPIREAT k 5000000000499
        EXPIRETIME k
        PEXPIREAT k 5000000000500
        EXPIRETIME k
        PEXPIREAT k 5000000000999
        EXPIRETIME k
        EXPIREAT k 5000000000 NX
        EXPIREAT k 6000000000 XX
        EXPIREAT k 5000000000 GT
        EXPIREAT k 6000000000 GT
        EXPIREAT k 7000000000 GT
        EXPIREAT k 7000000000 LT
        EXPIREAT k 8000000000 LT
        EXPIREAT k 5000000000 LT
        EXPIRETIME k
        PERSIST k
        EXPIREAT k 5000000000 GT
        EXPIREAT k 5000000000 XX
        EXPIREAT k 5000000000 LT
        PERSIST k
        EXPIREAT k 5000000000 NX
        EXPIREAT k 5000000000 NX XX
        EXPIREAT k 5000000000 NX GT
        EXPIREAT k 5000000000 LT NX
        EXPIREAT k 5000000000 GT LT
        EXPIREAT k 6000000000 XX GT
        EXPIREAT k 5500000000 XX LT
        EXPIREAT k 5500000000 GT GT
        EXPIREAT k 5500000000 FOO
        EXPIREAT k abc FOO
        EXPIREAT k abc NX XX
        EXPIREAT none abc
        EXPIREAT k abc
        EXPIREAT k 1.5
        EXPIREAT k 9223372036854775807
        EXPIREAT k 9223372036854775
        PEXPIRETIME k
        EXPIREAT k 9223372036854776
        EXPIREAT k -9223372036854775808
        EXPIREAT k -9223372036854776
        PEXPIREAT k 9223372036854775807
        PEXPIRETIME k
        PTTL k
        TTL k
        EXPIRE k 9223372036854775807
        EXPIRE k 9223372036854775
        EXPIRE k -9223372036854775808
        PEXPIRE k 9223372036854775807
        PEXPIRE k 9223372036854775808
        EXPIRE none 9223372036854775807
        PEXPIREAT k -9223372036854775808 GT
        EXISTS k
        EXPIREAT k 1 GT
        EXISTS k
        EXPIREAT k 1 NX
        EXISTS k
        EXPIREAT k 1 LT
        EXISTS k
        SET k v
        EXPIREAT k 1 XX
        EXISTS k
        EXPIREAT k 1
        EXISTS k
        SET k v
        EXPIRE k 0
        EXISTS k
        SET k v
        EXPIRE k -1
        EXISTS k
        SET k v
        PEXPIRE k -9223372036854775808
        EXISTS k
        SET k v
        PEXPIREAT k 0
        EXISTS k
        SET k v
        PEXPIREAT k -1
        EXISTS k
        TTL
        TTL a b
        EXPIRETIME
        "#,
    ),
    (
        "RENAME RENAMENX COPY",
        r#"
        RENAME
        RENAME a
        RENAME a b
        RENAME a a
        SET a 1
        RENAME a a
        RENAMENX a a
        RENAME a b
        GET b
        GET a
        EXPIREAT b 5000000000
        SET c 3
        RENAME b c
        PEXPIRETIME c
        GET c
        RENAMENX none c
        RENAMENX c d
        SET e 5
        RENAMENX d e
        GET e
        SET gone v PXAT 1
        RENAMENX d gone
        GET gone
        PEXPIRETIME gone
        SET old v PXAT 1
        RENAME old x
        COPY
        COPY gone
        COPY none x
        COPY gone y
        PEXPIRETIME y
        COPY e y
        COPY e y REPLACE
        GET y
        PEXPIRETIME y
        COPY e e
        COPY e e REPLACE
        COPY none none
        COPY e z DB 0
        COPY e z2 DB 1
        COPY e z2 DB -1
        COPY e z2 DB abc
        COPY e z2 DB
        COPY e z2 DB 99999999999
        COPY e z2 DB 9223372036854775808
        COPY e e DB 0
        COPY e z3 REPLACE REPLACE
        COPY e z3 DB 0 REPLACE DB 0
        COPY e z3 FOO
        COPY none z FOO
        copy e z4 replace db 0
        SET i 5
        APPEND i 5
        COPY i j
        OBJECT ENCODING j
        RENAME i k
        OBJECT ENCODING k
        "#,
    ),
    (
        "KEYS SCAN RANDOMKEY DBSIZE FLUSH",
        r#"
        RANDOMKEY
        RANDOMKEY x
        KEYS
        KEYS *
        KEYS * *
        SCAN 0
        SCAN
        MSET one 1 two 2 three 3 four 4 "[x]" 5 "a\x00b" 6 "" 7
        DBSIZE
        KEYS *
        KEYS *o*
        KEYS t??
        KEYS t[wx]o
        KEYS [^t]*
        KEYS \\[x\\]
        KEYS "a*b"
        KEYS ""
        KEYS [
        KEYS "\\"
        KEYS ONE
        RANDOMKEY
        SCAN 0
        SCAN 0 COUNT 1
        SCAN 0 COUNT 0
        SCAN 0 COUNT -1
        SCAN 0 COUNT abc
        SCAN 0 COUNT 9223372036854775807
        SCAN 0 COUNT
        SCAN 0 MATCH
        SCAN 0 MATCH t* COUNT 100
        SCAN 0 MATCH *
        SCAN 0 MATCH t* MATCH f*
        SCAN 0 TYPE string
        SCAN 0 TYPE STRING
        SCAN 0 TYPE list
        SCAN 0 TYPE nosuch
        SCAN 0 TYPE
        SCAN 0 FOO 1
        SCAN 0 FOO
        SCAN 0 COUNT 5 FOO
        SCAN abc
        SCAN -1
        SCAN " 0"
        SCAN +0
        SCAN 0x0
        SCAN ""
        SCAN 18446744073709551615
        SCAN 18446744073709551616
        SCAN 99999999999999999999
        SCAN "0\x00"
        SCAN 00
        SCAN 0 count 3 match *o* type string
        FLUSHALL FOO
        FLUSHALL SYNC ASYNC
        FLUSHDB FOO
        DBSIZE
        FLUSHDB ASYNC
        DBSIZE
        SET a 1
        FLUSHALL sync
        EXISTS a
        SET a 1
        FLUSHALL ASYNC
        FLUSHDB SYNC
        FLUSHDB
        FLUSHALL
        KEYS *
        "#,
    ),
    (
        "OBJECT",
        r#"
        OBJECT
        OBJECT FOO
        OBJECT FOO k
        OBJECT HELP
        OBJECT HELP x
        OBJECT ENCODING
        OBJECT ENCODING none
        OBJECT ENCODING a b
        OBJECT REFCOUNT
        OBJECT REFCOUNT none
        OBJECT IDLETIME none
        OBJECT FREQ none
        SET k v
        OBJECT REFCOUNT k
        OBJECT IDLETIME k
        OBJECT FREQ k
        object encoding k
        SET i 9223372036854775807
        OBJECT ENCODING i
        SET i 9223372036854775808
        OBJECT ENCODING i
        SET i -9223372036854775808
        OBJECT ENCODING i
        SET i 00
        OBJECT ENCODING i
        SET i -0
        OBJECT ENCODING i
        SET i 12345678901234567890
        OBJECT ENCODING i
        SET s aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        STRLEN s
        OBJECT ENCODING s
        SET s aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        STRLEN s
        OBJECT ENCODING s
        SET s ""
        OBJECT ENCODING s
        APPEND s x
        OBJECT ENCODING s
        SET s 5
        APPEND s ""
        OBJECT ENCODING s
        INCR s
        OBJECT ENCODING s
        APPEND s 5
        OBJECT ENCODING s
        INCR s
        OBJECT ENCODING s
        SETRANGE s 0 1
        OBJECT ENCODING s
        DECRBY s 5
        OBJECT ENCODING s
        GETSET s 7
        OBJECT ENCODING s
        INCRBYFLOAT s 1
        OBJECT ENCODING s
        INCRBYFLOAT s 0.5
        OBJECT ENCODING s
        SETBIT s 0 0
        OBJECT ENCODING s
        GETEX s PERSIST
        OBJECT ENCODING s
        SETEX s 300000 10
        OBJECT ENCODING s
        MSET s 11
        OBJECT ENCODING s
        SETNX s2 12
        OBJECT ENCODING s2
        MSETNX s3 13
        OBJECT ENCODING s3
        BITOP OR s4 s s
        OBJECT ENCODING s4
        BITOP OR s5 s
        OBJECT ENCODING s5
        "#,
    ),
    (
        "expired keys",
        r#"
        SET k v PXAT 1
        GET k
        SET k v PXAT 1
        SET k w NX
        SET k v PXAT 1
        SET k w XX
        SET k v PXAT 1
        SET k w GET
        SET k v PXAT 1
        SET k w KEEPTTL
        PTTL k
        SET k v PXAT 1
        APPEND k w
        GET k
        SET k 5 PXAT 1
        INCR k
        PTTL k
        SET k v PXAT 1
        SETRANGE k 1 x
        GET k
        SET k v PXAT 1
        SETBIT k 1 1
        GET k
        SET k v PXAT 1
        GETDEL k
        SET k v PXAT 1
        GETEX k PERSIST
        SET k v PXAT 1
        PERSIST k
        SET k v PXAT 1
        EXPIRE k 300000
        SET k v PXAT 1
        RENAME k l
        SET k v PXAT 1
        COPY k l
        SET k v PXAT 1
        SET l w
        COPY l k
        SET k v PXAT 1
        RENAMENX l k
        SET k v PXAT 1
        MSETNX k 1 m 2
        MGET k m
        SET k v PXAT 1
        STRLEN k
        SET k v PXAT 1
        GETRANGE k 0 -1
        SET k v PXAT 1
        BITCOUNT k
        SET k v PXAT 1
        BITOP OR d k
        EXISTS d
        SET k v PXAT 1
        KEYS *
        SET k v PXAT 1
        TTL k
        SET k v PXAT 1
        EXPIRETIME k
        SET k v PXAT 1
        OBJECT ENCODING k
        SET k v PXAT 1
        OBJECT REFCOUNT k
        SET k v PXAT 1
        TOUCH k
        SET k v PXAT 1
        SCAN 0 COUNT 1000
        FLUSHALL
        SET k v PXAT 1
        RANDOMKEY
        "#,
    ),
    (
        "the server's small talk",
        r#"
        PING
        PING hello
        PING a b
        ECHO
        ECHO hello
        ECHO "\x00\xff"
        ECHO a b
        TIME
        TIME x
        SELECT
        SELECT 0
        SELECT 1
        SELECT -1
        SELECT abc
        SELECT 99999999999999999999
        SELECT 2147483648
        SELECT 0 0
        COMMAND GETKEYS
        COMMAND GETKEYS GET k
        COMMAND GETKEYS MSET a 1 b 2
        COMMAND GETKEYS SET k v
        COMMAND GETKEYS PING
        COMMAND GETKEYS NOSUCH k
        COMMAND GETKEYS GET
        COMMAND GETKEYS BITOP AND d a b
        COMMAND GETKEYS LCS a b
        COMMAND GETKEYS OBJECT ENCODING k
        COMMAND GETKEYS SCAN 0
        COMMAND GETKEYS COPY a b
        COMMAND INFO nosuch
        COMMAND FOO
        COMMAND FOO bar
        COMMAND COUNT x
        COMMAND HELP
        COMMAND HELP x
        COMMAND LIST FILTERBY
        COMMAND LIST FILTERBY FOO x
        COMMAND LIST FILTERBY PATTERN getd*
        COMMAND LIST FILTERBY PATTERN nosuch*
        COMMAND LIST FILTERBY MODULE nosuch
        COMMAND LIST FOO
        COMMAND DOCS nosuch
        "#,
    ),
    (
        "names that are no commands",
        r#"
        NOSUCH
        NOSUCH a
        NOSUCH a b c
        NOSUCH "" ""
        NOSUCH "two words" "it's"
        NOSUCH aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b c
        NOSUCH aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c d
        NOSUCHaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b c
        NOSUCH "cr\r\nlf" x
        NOSUCH 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40
        "#,
    ),
];

/// The commands of a text.
pub(crate) fn parse(text: &str) -> Vec<Command> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(words)
        .collect()
}

fn words(line: &str) -> Command {
    let mut command = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match first {
            b' ' => rest = after,
            b'"' => {
                let (word, after) = quoted_word(after, line);
                command.push(word);
                rest = after;
            }
            _ => {
                let end = rest.iter().position(|&byte| byte == b' ');
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                command.push(word.to_vec());
                rest = after;
            }
        }
    }
    command
}

/// The word up to the closing quote, and what follows.
fn quoted_word<'a>(text: &'a [u8], line: &str) -> (Vec<u8>, &'a [u8]) {
    let mut word = Vec::new();
    let mut at = 0;
    loop {
        match text.get(at) {
            Some(b'"') => return (word, &text[at + 1..]),
            Some(b'\\') => {
                let byte = match text.get(at + 1) {
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(b'x') => {
                        let digits = text.get(at + 2..at + 4).unwrap_or_default();
                        let digits = String::from_utf8_lossy(digits);
                        at += 2;
                        u8::from_str_radix(&digits, 16)
                            .unwrap_or_else(|_| panic!("bad escape in {line}"))
                    }
                    Some(&other) => other,
                    None => panic!("the line ends in an escape: {line}"),
                };
                word.push(byte);
                at += 2;
            }
            Some(&byte) => {
                word.push(byte);
                at += 1;
            }
            None => panic!("no closing quote: {line}"),
        }
    }
}

#[test]
fn words_are_read_as_redis_cli_reads_them() {
    assert_eq!(
        words(r#"SET "two words" "\x00\r\"" "" x"#),
        [b"SET".as_slice(), b"two words", b"\x00\r\"", b"", b"x"]
    );
}
