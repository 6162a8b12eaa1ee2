# A server of system calls on standard input and output, for drills/agent.py: no library, no shell, no file.
# Request: number, six arguments, length of the data, length of the answer (nine 64-bit words), then the data.
# Reply: the kernel's result (64 bits), then the answer: so many bytes of the buffer; a negative length stands for as
# many as the result says. Data is read to BUFFER. It ends with its input.
	.set	REQUEST, 0x600000
	.set	RESULT, 0x600ff8
	.set	BUFFER, 0x601000
	.globl	_start
_start:	mov	$REQUEST, %esi
	mov	$72, %edx
	call	receive
	mov	$BUFFER, %esi
	mov	REQUEST+56, %rdx
	call	receive
	mov	REQUEST, %rax
	mov	REQUEST+8, %rdi
	mov	REQUEST+16, %rsi
	mov	REQUEST+24, %rdx
	mov	REQUEST+32, %r10
	mov	REQUEST+40, %r8
	mov	REQUEST+48, %r9
	syscall
	mov	%rax, RESULT
	mov	REQUEST+64, %rdx
	test	%rdx, %rdx
	jns	1f
	xor	%edx, %edx
	test	%rax, %rax
	cmovns	%rax, %rdx
1:	add	$8, %rdx
	mov	$RESULT, %esi
2:	mov	$1, %eax
	mov	$1, %edi
	syscall
	test	%rax, %rax
	jle	end
	add	%rax, %rsi
	sub	%rax, %rdx
	jnz	2b
	jmp	_start
receive:
	test	%rdx, %rdx
	jz	3f
	xor	%eax, %eax
	xor	%edi, %edi
	syscall
	test	%rax, %rax
	jle	end
	add	%rax, %rsi
	sub	%rax, %rdx
	jmp	receive
3:	ret
end:	mov	$60, %eax
	xor	%edi, %edi
	syscall
