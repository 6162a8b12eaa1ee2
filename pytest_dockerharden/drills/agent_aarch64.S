// The same as agent_x86_64.S.
	.globl	_start
_start:
0:	mov	x19, #0x600000
	add	x20, x19, #0xff8
	mov	x1, x19
	mov	x2, #72
	bl	receive
	add	x1, x20, #8
	ldr	x2, [x19, #56]
	bl	receive
	ldp	x8, x0, [x19]
	ldp	x1, x2, [x19, #16]
	ldp	x3, x4, [x19, #32]
	ldr	x5, [x19, #48]
	svc	#0
	str	x0, [x20]
	ldr	x2, [x19, #64]
	tbz	x2, #63, 1f
	cmp	x0, #0
	csel	x2, x0, xzr, ge
1:	add	x2, x2, #8
	mov	x1, x20
2:	mov	x8, #64
	mov	x0, #1
	svc	#0
	cmp	x0, #0
	b.le	end
	add	x1, x1, x0
	subs	x2, x2, x0
	b.ne	2b
	b	0b
receive:
	cbz	x2, 3f
	mov	x8, #63
	mov	x0, #0
	svc	#0
	cmp	x0, #0
	b.le	end
	add	x1, x1, x0
	sub	x2, x2, x0
	b	receive
3:	ret
end:	mov	x8, #93
	mov	x0, #0
	svc	#0
